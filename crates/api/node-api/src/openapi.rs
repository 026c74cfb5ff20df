//! The OpenAPI 3.1 document, made from the route table and the types, so that it cannot say anything else than they do.

use utoipa::OpenApi;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, ContentBuilder, Ref, Required, Response, ResponseBuilder};

use crate::routes::{Access, Body, Method, Operation, ROUTES, Route};

const DESCRIPTION: &str = "\
Drives the virtual machines of one Corbel node. The API is served on the UNIX socket `/run/corbel/api.sock` (who may open it \
is admin) and on TLS, port 8443. Requests are strict: an unknown field is refused by name. Answers may grow fields and words; \
clients skip what they do not know. Every refusal is an `ErrorBody` with one sentence. Sizes in answers are bytes.";

#[derive(OpenApi)]
#[openapi(components(schemas(
    crate::ErrorBody,
    crate::Event,
    crate::Health,
    crate::NodeInfo,
    crate::Counters,
    crate::Keyboard,
    crate::PasswordTry,
    crate::LinkList,
    crate::ServiceList,
    crate::LogPage,
    crate::PingRequest,
    crate::PingResult,
    crate::IdentifyRequest,
    crate::MultipathList,
    crate::IscsiInfo,
    crate::IommuInfo,
    crate::PluginList,
    crate::VmList,
    crate::VmDetail,
    crate::VmStats,
    crate::VmSpec,
    crate::Autostart,
    crate::PersistedList,
    crate::PersistedDifference,
    crate::DumpStatus,
    crate::DumpTest,
    crate::BundleList,
    crate::BundleRequest,
    crate::SecurityLevel,
    crate::PoolList,
    crate::VolumeList,
    crate::VolumeSpec,
    crate::NetworkList,
    crate::DiskList,
    crate::InstallRequest,
    crate::UninstallRequest,
    crate::Planned,
    crate::SlotList,
    crate::UpgradeRequest,
    crate::RollbackRequest,
    crate::RebootRequest,
    crate::PoweroffRequest,
    crate::Config,
    crate::ConfigRequest,
    crate::ConfigApplied,
    crate::ConfigHistory,
    crate::ConfigVersion,
    crate::ConfigRollback,
    crate::OperationInfo,
    crate::OperationStatus,
    crate::operation::ProgressShape,
)))]
struct Schemas;

/// The whole document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Schemas::openapi();
    document.info.title = "Corbel node".to_owned();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    document.info.description = Some(DESCRIPTION.to_owned());
    document.info.license = Some(
        utoipa::openapi::LicenseBuilder::new()
            .name("Apache-2.0")
            .identifier(Some("Apache-2.0"))
            .build(),
    );
    document.info.contact = None;
    for route in ROUTES {
        document
            .paths
            .add_path_operation(route.path, vec![http_method(route.method)], operation(route));
    }
    let components = document.components.get_or_insert_with(Default::default);
    let http = |scheme, text: &str| {
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(scheme)
                .description(Some(text.to_owned()))
                .build(),
        )
    };
    components.add_security_scheme(
        "certificate",
        SecurityScheme::MutualTls {
            description: Some("A client certificate whose fingerprint is listed on the node.".to_owned()),
            extensions: None,
            deprecated: None,
        },
    );
    components.add_security_scheme(
        "token",
        http(HttpAuthScheme::Bearer, "A token whose SHA-256 is listed on the node."),
    );
    components.add_security_scheme(
        "password",
        http(HttpAuthScheme::Basic, "The user `admin` and its password."),
    );
    document
}

fn http_method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
        Method::Delete => HttpMethod::Delete,
    }
}

fn operation(route: &Route) -> utoipa::openapi::path::Operation {
    let id = format!("{:?}", route.operation);
    let id = id.char_indices().fold(String::new(), |mut id, (at, c)| {
        if c.is_ascii_uppercase() && at > 0 {
            id.push('_');
        }
        id.push(c.to_ascii_lowercase());
        id
    });
    let mut builder = OperationBuilder::new()
        .operation_id(Some(id))
        .summary(Some(route.summary))
        .tag(
            route
                .path
                .trim_start_matches("/v1")
                .split('/')
                .nth(1)
                .unwrap_or_default()
                .trim_end_matches(".json"),
        )
        .request_body(request(route.request))
        .response(route.status.to_string(), answer(route));
    let text = || ObjectBuilder::new().schema_type(Type::String);
    if route.path.contains("{name}") {
        builder = builder.parameter(
            ParameterBuilder::new()
                .name("name")
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some("The object's name, percent-encoded."))
                .schema(Some(text())),
        );
    }
    for (name, description) in query(route.operation) {
        builder = builder.parameter(
            ParameterBuilder::new()
                .name(*name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(*description))
                .schema(Some(ObjectBuilder::new().schema_type(Type::Boolean))),
        );
    }
    if route.operation == Operation::ShowLogs {
        builder = builder.parameter(
            ParameterBuilder::new()
                .name("search")
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(
                    "Only entries with this text in program or message, in upper or lower case.",
                ))
                .schema(Some(text())),
        );
    }
    if is_conditional(route.operation) {
        builder = builder.parameter(
            ParameterBuilder::new()
                .name("If-Match")
                .parameter_in(ParameterIn::Header)
                .required(Required::False)
                .description(Some(
                    "The `ETag` of the configuration that was looked at, or `*`. Only a dry run does without.",
                ))
                .schema(Some(text())),
        );
    }
    for (status, text) in refusals(route) {
        let content = content("ErrorBody");
        builder = builder.response(
            status.to_string(),
            ResponseBuilder::new()
                .description(text)
                .content("application/json", content),
        );
    }
    match route.access {
        Access::Anyone => builder.securities(Some(Vec::<SecurityRequirement>::new())),
        Access::AtLeast(role) => {
            builder = builder.description(Some(format!("Needs the role {role} or a higher one.")));
            let scopes: [&str; 0] = [];
            ["certificate", "token", "password"]
                .into_iter()
                .fold(builder, |b, scheme| {
                    b.security(SecurityRequirement::new(scheme, scopes))
                })
        }
    }
    .build()
}

/// Whether somebody may have saved meanwhile what the request goes over.
fn is_conditional(operation: Operation) -> bool {
    matches!(operation, Operation::ApplyConfig | Operation::RollbackConfig)
}

/// Names and meanings of what may stand in the query; each is true or false.
fn query(operation: Operation) -> &'static [(&'static str, &'static str)] {
    match operation {
        Operation::DeleteVm => &[(
            "volumes",
            "`true` also deletes the volumes that only this machine uses.",
        )],
        Operation::UploadUpgrade => &[
            ("allow_downgrade", "Take a version that is older than the present one."),
            (
                "force",
                "Take a version that failed here before, or that is the present one.",
            ),
            ("reboot", "Reboot into it when it is written."),
            ("fast", "Reboot without going through firmware, where that is safe."),
        ],
        _ => &[],
    }
}

/// What else than success a client must be ready for, beside 500.
fn refusals(route: &Route) -> Vec<(u16, &'static str)> {
    let mut list = vec![];
    if route.request != Body::Empty
        || matches!(
            route.operation,
            Operation::DeleteVm | Operation::VmConsole | Operation::ShowLogs
        )
    {
        list.push((400, "The request is not usable; the message says what would be."));
    }
    if route.access != Access::Anyone {
        list.push((401, "Nobody that the node knows."));
        list.push((403, "The role is too low."));
    }
    let named = route.path.contains("{name}") && route.operation != Operation::UploadVolume;
    if named
        || matches!(
            route.operation,
            Operation::OperationEvents | Operation::RollbackConfig | Operation::MakeBundle
        )
    {
        list.push((404, "There is no object of that name."));
    }
    if !matches!(route.method, Method::Get) || route.operation == Operation::VmConsole {
        list.push((
            409,
            "The object exists already, or is in a state that does not allow this.",
        ));
    }
    if is_conditional(route.operation) {
        list.push((412, "Somebody saved another generation meanwhile: look at it first."));
        list.push((428, "It was not said which generation is changed."));
    }
    match route.request {
        Body::Json(_) | Body::JsonOrXml(_) => {
            list.push((413, "The body is larger than 1 MiB."));
            list.push((415, "The content type is not one that this route reads."));
        }
        _ if route.operation == Operation::VmConsole => list.push((426, "The request asks for no WebSocket.")),
        Body::Bytes => list.push((411, "The length of the body was not given.")),
        _ => {}
    }
    match route.operation {
        Operation::Figures => list.push((503, "No figures are collected, or collectd does not answer.")),
        _ if route.access != Access::Anyone => list.push((503, "The hypervisor does not answer; try again.")),
        _ => {}
    }
    if matches!(
        route.operation,
        Operation::CreateVm
            | Operation::CreateVolume
            | Operation::UploadVolume
            | Operation::UploadUpgrade
            | Operation::MakeBundle
    ) {
        list.push((507, "There is not enough room."));
    }
    list
}

fn content(schema: &str) -> Content {
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .build()
}

fn text() -> Content {
    ContentBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

fn request(body: Body) -> Option<RequestBody> {
    let builder = RequestBodyBuilder::new().required(Some(Required::True));
    match body {
        Body::Json(schema) => Some(builder.content("application/json", content(schema)).build()),
        Body::JsonOrXml(schema) => Some(
            builder
                .content("application/json", content(schema))
                .content(crate::XML_TYPE, text())
                .build(),
        ),
        Body::Bytes => Some(
            builder
                .content("application/octet-stream", ContentBuilder::new().build())
                .build(),
        ),
        Body::Empty | Body::Xml | Body::Events(_) | Body::WebSocket | Body::Document | Body::Figures => None,
    }
}

fn answer(route: &Route) -> Response {
    let builder = ResponseBuilder::new();
    match route.answer {
        Body::Json(schema) | Body::JsonOrXml(schema) => builder
            .description("Done.")
            .content("application/json", content(schema)),
        Body::Xml => builder.description("The XML.").content(crate::XML_TYPE, text()),
        Body::Events(schema) => builder
            .description("Events without end; the data of each is this object. A comment comes each 15 seconds.")
            .content("text/event-stream", content(schema)),
        Body::WebSocket => builder.description("The connection is a WebSocket from here on."),
        Body::Document => builder.description("The document.").content(
            "application/json",
            ContentBuilder::new()
                .schema(Some(ObjectBuilder::new().schema_type(Type::Object)))
                .build(),
        ),
        Body::Figures => builder
            .description("The figures. OpenMetrics 1.0 where `Accept` names it.")
            .content(crate::PROMETHEUS_TYPE, text())
            .content(crate::OPENMETRICS_TYPE, text()),
        Body::Bytes => builder
            .description("The bytes.")
            .content("application/octet-stream", text()),
        Body::Empty => builder.description("Done."),
    }
    .build()
}

#[cfg(test)]
mod tests;
