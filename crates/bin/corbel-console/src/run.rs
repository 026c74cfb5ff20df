//! The loop between terminal and state. Keys are read by a thread of their own, since a terminal cannot be waited for otherwise
//! without more machinery than this program is worth.

use std::io::{self, IsTerminal as _, Stdout};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use corbel_sys::Program;
use crossterm::event as terminal_event;
use ratatui::layout::{Rect, Size};
use ratatui::{Terminal, TerminalOptions, Viewport};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, interval_at, sleep_until};

use crate::api::Api;
use crate::feed::Feed;
use crate::keys::{Escape, TOGETHER};
use crate::passthrough;
use crate::record::Recorder;
use crate::screen;
use crate::state::{Action, Event, Key, State};
use crate::tty::Tty;
use crate::vt::Vt;

/// What changes by itself is shown at most twice a second: a serial line at 115200 carries five full screens in that time.
const FRAME: Duration = Duration::from_millis(500);
/// What others write over the screen, such as the kernel, is gone after this.
const REPAINT: Duration = Duration::from_secs(60);
/// Countdowns go by it.
const SECOND: Duration = Duration::from_secs(1);
/// A serial line does not know how large the terminal at its other end is; this every terminal has.
const UNKNOWN: Size = Size::new(80, 24);

/// How the loop ended.
enum End {
    Quit,
    Login,
    /// The terminal goes to the console of a machine, for a while.
    Console(String),
}

/// How a person comes to see the screen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Nobody else can come to this terminal: nothing is locked.
    pub(crate) trusted: bool,
    /// Every event goes into this file.
    pub(crate) record: Option<PathBuf>,
}

/// Shows the node until somebody leaves.
pub(crate) fn run(runtime: &tokio::runtime::Runtime, feed: Feed, options: &Options) -> anyhow::Result<()> {
    anyhow::ensure!(
        io::stdin().is_terminal() && io::stdout().is_terminal(),
        "corbel-console needs a terminal; see --once"
    );
    let tty = Tty::take().context("cannot take the terminal")?;
    let mut screen = Screen::new()?;
    let end = runtime.block_on(show(&mut screen, &tty, feed, options));
    let reset = screen.terminal.backend_mut().reset();
    drop(tty);
    let end = end?;
    reset.context("cannot clear the terminal")?;
    match end {
        // The loop of consoles ends in one of the other two.
        End::Quit | End::Console(_) => Ok(()),
        // login(1) hangs the terminal up and takes it over, which only the process that systemd started for it may: so this process
        // becomes login, and systemd starts the console again after the logout.
        End::Login => {
            // It insists on a terminal in all three places; under systemd the third is the journal.
            rustix::stdio::dup2_stderr(rustix::stdio::stdin()).context("cannot give the terminal to login")?;
            Err(Program::new("/bin/login").replace_process().into())
        }
    }
}

struct Screen {
    terminal: Terminal<Vt<Stdout>>,
    size: Size,
}

impl Screen {
    fn new() -> anyhow::Result<Self> {
        let size = size();
        let viewport = Viewport::Fixed(Rect::new(0, 0, size.width, size.height));
        let vt = Vt::new(io::stdout(), size).with_mouse(&std::env::var("TERM").unwrap_or_default());
        let terminal =
            Terminal::with_options(vt, TerminalOptions { viewport }).context("cannot write to the terminal")?;
        Ok(Self { terminal, size })
    }

    /// Forgets what the terminal shows, and asks for its size again.
    fn invalidate(&mut self) -> io::Result<()> {
        self.size = size();
        self.terminal.backend_mut().set_size(self.size);
        self.terminal
            .resize(Rect::new(0, 0, self.size.width, self.size.height))?;
        // Also after the console of a machine, which had the terminal as it is.
        self.terminal.backend_mut().mouse(true)?;
        self.terminal.clear()
    }

    fn draw(&mut self, state: &mut State) -> io::Result<()> {
        screen::fit_to(state, self.size.width, self.size.height);
        self.terminal.draw(|frame| screen::draw(state, frame)).map(drop)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Also when it ends in a panic; a terminal that is gone needs nothing.
        let _ = self.terminal.backend_mut().mouse(false);
    }
}

fn size() -> Size {
    match rustix::termios::tcgetwinsize(rustix::stdio::stdout()) {
        Ok(found) if found.ws_col > 0 && found.ws_row > 0 => Size::new(found.ws_col.min(500), found.ws_row.min(500)),
        _ => UNKNOWN,
    }
}

async fn show(screen: &mut Screen, tty: &Tty, feed: Feed, options: &Options) -> anyhow::Result<End> {
    let (sender, mut events) = mpsc::channel(64);
    let api = Api::new(&feed.socket, sender.clone());
    let mut state = State::new(feed.installer);
    state.trusted = options.trusted;
    let mut recorder = options
        .record
        .as_deref()
        .map(|path| Recorder::create(path, &state))
        .transpose()?;
    let feed = tokio::spawn(feed.follow(sender.clone()));
    let through = Arc::new(AtomicBool::new(false));
    let (typed, mut bytes) = mpsc::channel(64);
    read_keys(sender, typed, Arc::clone(&through))?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for signals")?;
    let end = loop {
        let end = turn(screen, tty, &mut state, &api, &mut events, &mut recorder).await;
        let Ok(End::Console(name)) = &end else { break end };
        through.store(true, Ordering::SeqCst);
        let left = tokio::select! {
            left = passthrough::run(screen.terminal.backend_mut(), api.client(), name, &mut bytes) => left,
            // The machine goes down, or the terminal is gone: a guest that says nothing must not hold that up.
            _ = terminate.recv() => break Ok(End::Quit),
            _ = hangup.recv() => break Ok(End::Quit),
        };
        through.store(false, Ordering::SeqCst);
        apply(
            &mut state,
            Event::Back {
                reason: left.reason,
                idle: left.idle,
            },
            screen,
            &mut recorder,
        )?;
        screen.invalidate()?;
    };
    feed.abort();
    end
}

async fn turn(
    screen: &mut Screen,
    tty: &Tty,
    state: &mut State,
    api: &Api,
    events: &mut Receiver<Event>,
    recorder: &mut Option<Recorder>,
) -> anyhow::Result<End> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for signals")?;
    let mut resized = signal(SignalKind::window_change()).context("cannot listen for signals")?;
    let mut repaint = interval_at(Instant::now() + REPAINT, REPAINT);
    let mut kept = interval_at(Instant::now() + FRAME, FRAME);
    let mut second = interval_at(Instant::now() + SECOND, SECOND);
    let mut drawn = Instant::now();
    let mut stale = false;
    screen.invalidate()?;
    screen.draw(state)?;
    loop {
        let event = tokio::select! {
            // `None` cannot be: the thread that reads keys has a sender as long as there is a terminal.
            event = events.recv() => match event {
                Some(event) => event,
                None => return Ok(End::Quit),
            },
            _ = resized.recv() => Event::Resized,
            _ = kept.tick() => {
                tty.keep().context("the terminal is gone")?;
                continue;
            }
            _ = second.tick() => Event::Tick,
            _ = repaint.tick() => Event::Resized,
            _ = terminate.recv() => return Ok(End::Quit),
            _ = hangup.recv() => return Ok(End::Quit),
            () = sleep_until(drawn + FRAME), if stale => {
                screen.draw(state)?;
                (drawn, stale) = (Instant::now(), false);
                continue;
            }
        };
        let typed = matches!(event, Event::Key(_) | Event::Mouse(_) | Event::Resized);
        match apply(state, event, screen, recorder)? {
            None => {}
            Some(Action::Call(call)) => api.call(call),
            Some(Action::Console(name)) => return Ok(End::Console(name)),
            Some(Action::Quit) => return Ok(End::Quit),
            Some(Action::Login) if rustix::process::geteuid().is_root() => return Ok(End::Login),
            Some(Action::Login) => state.hint = Some(" You are logged in already: q leaves this screen"),
            Some(Action::Repaint) => screen.invalidate()?,
            Some(Action::Ask(ask)) => api.ask(ask),
            Some(Action::Write(write)) => api.write(write),
        }
        stale = true;
        if typed {
            screen.draw(state)?;
            (drawn, stale) = (Instant::now(), false);
        }
    }
}

/// An event as the state takes it, and as it is recorded.
fn apply(
    state: &mut State,
    event: Event,
    screen: &Screen,
    recorder: &mut Option<Recorder>,
) -> anyhow::Result<Option<Action>> {
    if let Some(recorder) = recorder {
        recorder
            .write(state, &event, screen.size)
            .context("the record cannot be written")?;
    }
    Ok(state.on(event))
}

/// Ends with the terminal; the process does not wait for it. While keys go `through`, they are bytes for a machine.
fn read_keys(events: Sender<Event>, typed: Sender<Vec<u8>>, through: Arc<AtomicBool>) -> anyhow::Result<()> {
    let send = |events: &Sender<Event>, told: Vec<Event>| {
        let mut told = told.into_iter();
        told.all(|event| events.blocking_send(event).is_ok())
    };
    let read = move || {
        let mut escape = Escape::default();
        loop {
            let more = if escape.waits() {
                terminal_event::poll(TOGETHER)
            } else {
                Ok(true)
            };
            let keys = match more {
                Ok(false) => escape.end(),
                Ok(true) => match terminal_event::read() {
                    Ok(event) if through.load(Ordering::SeqCst) => {
                        if typed.blocking_send(passthrough::bytes(&event)).is_err() {
                            return;
                        }
                        continue;
                    }
                    Ok(event) => escape.feed(&event),
                    Err(_) => break,
                },
                Err(_) => break,
            };
            if !send(&events, keys) {
                return;
            }
        }
        // Nobody is there any more: end, so that systemd takes the terminal anew. A console of a machine ends by this first.
        drop(typed);
        let _ = events.blocking_send(Event::Key(Key::Quit));
    };
    // The stack of a thread counts as memory of a console that shall cost little.
    std::thread::Builder::new()
        .name("keys".into())
        .stack_size(256 << 10)
        .spawn(read)
        .map(drop)
        .context("cannot start a thread")
}
