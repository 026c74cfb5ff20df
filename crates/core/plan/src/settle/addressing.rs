//! The addresses of one interface in the words of systemd.network(5).

use corbel_model::network::Addressing;

/// Completes the section `[Network]` and adds those that go with it.
pub(super) fn addressing_text(text: &mut String, addressing: &Addressing) {
    let Addressing {
        dhcp4,
        ipv6,
        addresses,
        gateways,
        routes,
        dns,
        search,
    } = addressing;
    let yes = |on: bool| if on { "yes" } else { "no" };
    let dhcp = match (dhcp4, ipv6.dhcp) {
        (true, true) => "yes",
        (true, false) => "ipv4",
        (false, true) => "ipv6",
        (false, false) => "no",
    };
    // A static IPv6 address without a gateway learns its router from advertisements, and nothing else.
    let fixed6 = addresses.iter().any(|cidr| cidr.address.is_ipv6());
    let router_only = fixed6 && !gateways.iter().any(std::net::IpAddr::is_ipv6);
    let advertised = ipv6.slaac || ipv6.dhcp || router_only;
    let mut line = |key: &str, value: &str| text.push_str(&format!("{key}={value}\n"));
    line("DHCP", dhcp);
    line("LinkLocalAddressing", if ipv6.link_local { "ipv6" } else { "no" });
    line("IPv6AcceptRA", yes(advertised));
    addresses.iter().for_each(|cidr| line("Address", &cidr.to_string()));
    gateways
        .iter()
        .for_each(|gateway| line("Gateway", &gateway.to_string()));
    dns.iter().for_each(|server| line("DNS", &server.to_string()));
    if !search.is_empty() {
        line("Domains", &search.join(" "));
    }
    // Servers that were named are the ones that are asked.
    let use_dns = if dns.is_empty() { "" } else { "UseDNS=no\n" };
    if *dhcp4 {
        // The hardware's address and not the machine-id identifies a node whose identity lasts one boot (RFC 2132, 9.14).
        text.push_str(&format!("\n[DHCPv4]\nClientIdentifier=mac\nUseHostname=no\n{use_dns}"));
    }
    if ipv6.dhcp || ipv6.slaac {
        let solicit = if ipv6.dhcp && !ipv6.slaac {
            "WithoutRA=solicit\n"
        } else {
            ""
        };
        text.push_str(&format!(
            "\n[DHCPv6]\nDUIDType=link-layer\nUseHostname=no\n{solicit}{use_dns}"
        ));
    }
    if advertised && (!ipv6.slaac || !dns.is_empty()) {
        text.push_str(&format!("\n[IPv6AcceptRA]\n{use_dns}"));
        if !ipv6.slaac {
            text.push_str("UseAutonomousPrefix=no\n");
        }
        if !ipv6.slaac && !ipv6.dhcp {
            text.push_str("DHCPv6Client=no\n");
        }
    }
    for route in routes {
        text.push_str(&format!("\n[Route]\nDestination={}\n", route.to));
        if let Some(via) = route.via {
            text.push_str(&format!("Gateway={via}\n"));
        }
        if let Some(metric) = route.metric {
            text.push_str(&format!("Metric={metric}\n"));
        }
    }
}
