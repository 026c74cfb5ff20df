//! What may happen to the console, and what it may ask for in return.

use corbel_node_api::{Health, NodeInfo, OperationInfo, SlotList, VmSummary};
use serde::{Deserialize, Serialize};

use crate::menu::{Call, Reply};
use crate::wizard::{Answer, Ask, Write};

/// Something happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Event {
    Node(Box<NodeInfo>),
    Vms(Vec<VmSummary>),
    /// One machine is so now, or gone.
    Vm {
        name: String,
        vm: Option<VmSummary>,
    },
    Health(Health),
    /// The configuration is another one, or waits to be.
    Configured,
    Slots(SlotList),
    Operation(Option<OperationInfo>),
    /// To the installer's question.
    Answer(Answer),
    /// To a question of the menu.
    Reply(Reply),
    /// The console of a machine was left, with a reason where it was not the person's own doing.
    Back {
        reason: Option<String>,
        /// Nobody had typed for a long time.
        idle: bool,
    },
    /// A second went by.
    Tick,
    Away(String),
    Key(Key),
    Mouse(Mouse),
    /// The terminal has another size now.
    Resized,
}

/// A key of the terminal; what it means depends on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Key {
    Char(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    /// F1.
    Help,
    /// Ctrl-U: empties a field.
    Clear,
    /// Ctrl-L.
    Repaint,
    /// Ctrl-C.
    Quit,
}

/// What a mouse did, and where: from 0 at the upper left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mouse {
    pub(crate) act: MouseAct,
    pub(crate) column: u16,
    pub(crate) row: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum MouseAct {
    /// Of the left button.
    Click,
    WheelUp,
    WheelDown,
}

/// What the loop shall do besides drawing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Hand the terminal to login(1).
    Login,
    /// Paint everything, whatever the terminal shows now.
    Repaint,
    /// End; systemd starts the console again.
    Quit,
    /// Ask the node.
    Ask(Ask),
    /// Let the node write to disks. Only a confirmed plan becomes one.
    Write(Write),
    /// Ask the node, for the menu.
    Call(Call),
    /// Give the terminal to the serial console of a machine.
    Console(String),
}
