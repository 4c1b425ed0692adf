//! Clients of the XML-RPC server: they connect, ask, wait, read slowly, and vanish.

use super::facts::Facts;
use super::happened::{Happened, Kind};
use super::world::{Due, World};
use std::collections::{BTreeMap, BTreeSet};
use visor_core::http::client::{Event, Receiver, request};
use visor_core::xmlrpc::{Message, Value, decode, encode};
use visor_core::{ConnId, Input, ProcessId, ProcessState, ServerId, Transition};

/// All clients, and the servers they can reach.
#[derive(Default)]
pub(super) struct Clients {
    servers: BTreeSet<ServerId>,
    conns: BTreeMap<ConnId, Conn>,
    next: u64,
}

struct Conn {
    receiver: Receiver,
    body: Vec<u8>,
    /// What was asked, until it is answered.
    call: Option<Call>,
    /// The rest of a request that comes in two parts.
    unsent: Vec<u8>,
    /// It does not take what it is sent, for a while.
    slow: bool,
    /// It never will.
    stuck: bool,
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    method: &'static str,
    /// Whom it is about, if its answer is to be checked.
    process: Option<ProcessId>,
    waits: bool,
    params: Vec<Value>,
}

struct Call {
    wish: Wish,
    /// The group and the name: a reload in the midst of a request gives a process another id.
    name: Option<(String, String)>,
    /// What the process has been since it was asked for.
    states: Vec<ProcessState>,
    asked_at: u64,
}

impl Clients {
    pub(super) fn listening(&mut self, server: ServerId, on: bool) {
        if on {
            self.servers.insert(server);
        } else {
            self.servers.remove(&server);
        }
    }

    pub(super) fn any(&self) -> bool {
        !self.conns.is_empty()
    }

    /// A waiting call is answered according to what the process went through.
    pub(super) fn changed(&mut self, change: &Transition, facts: &Facts) {
        let name = name_of(facts, change.process);
        for call in self.conns.values_mut().filter_map(|c| c.call.as_mut()) {
            let same_name = name.is_some() && call.name == name;
            if call.wish.process == Some(change.process) || same_name {
                call.states.push(change.to);
            }
        }
    }

    /// The connection is gone, whoever closed it.
    pub(super) fn closed(&mut self, conn: ConnId) -> bool {
        self.conns.remove(&conn).is_some()
    }

    /// The core sends something. Answers whether all of it is taken at once.
    pub(super) fn receive(
        &mut self,
        conn: ConnId,
        data: &[u8],
        happened: &Happened,
    ) -> Result<bool, String> {
        let Some(client) = self.conns.get_mut(&conn) else {
            return Ok(false);
        };
        client.receiver.receive(data);
        loop {
            let event = client.receiver.next();
            match event.map_err(|error| format!("clients: an answer: {error:?}"))? {
                Some(Event::Head(head)) if head.status == 200 => client.body.clear(),
                Some(Event::Head(head)) => {
                    return Err(format!("clients: an answer with status {}", head.status));
                }
                Some(Event::Body(more)) => client.body.extend(more),
                Some(Event::End) => {
                    let call = client.call.take().ok_or("clients: an answer to nothing")?;
                    let answer = decode(&client.body);
                    let answer = answer.map_err(|e| format!("clients: {e:?}"))?;
                    happened.note(check(&call, answer)?);
                    client.receiver = Receiver::new();
                }
                None => return Ok(!client.slow),
            }
        }
    }

    /// A call that should have been answered long ago.
    pub(super) fn forgotten(&self, now: u64) -> Option<String> {
        let clients = self.conns.values().filter(|client| !client.stuck);
        let calls = clients.filter_map(|client| client.call.as_ref());
        let mut old = calls.filter(|call| now - call.asked_at > 50_000_000_000);
        old.find(|_| true)
            .map(|call| format!("clients: {} was never answered", call.wish.method))
    }

    pub(super) fn wake_up(&mut self) -> Vec<ConnId> {
        let mut slow = Vec::new();
        for (conn, client) in &mut self.conns {
            if client.slow && !client.stuck {
                client.slow = false;
                slow.push(*conn);
            }
        }
        slow
    }

    /// Whether any waits for an answer.
    pub(super) fn any_waits(&self) -> bool {
        self.conns.values().any(|client| client.call.is_some())
    }

    fn idle(&self) -> Vec<ConnId> {
        let idle = |(_, client): &(&ConnId, &Conn)| client.call.is_none() && !client.slow;
        self.conns
            .iter()
            .filter(idle)
            .map(|(conn, _)| *conn)
            .collect()
    }
}

fn name_of(facts: &Facts, id: ProcessId) -> Option<(String, String)> {
    let fact = facts.processes.get(&id)?;
    Some((fact.group.1.clone(), fact.config.name.clone()))
}

/// What an answer says is true. What kind of answer it is.
fn check(call: &Call, answer: Message) -> Result<Kind, String> {
    let (method, states, waits) = (call.wish.method, &call.states, call.wish.waits);
    match answer {
        Message::Call { .. } => Err("clients: a call for an answer".to_owned()),
        Message::Fault { code, text } if !(1..=92).contains(&code) => {
            Err(format!("clients: {method}: fault {code} {text}"))
        }
        Message::Response(Value::Bool(true)) if waits && method.contains("startProcess") => {
            if states.contains(&ProcessState::Running) {
                Ok(Kind::StartAnswers)
            } else {
                Err(format!("clients: {method} is answered after {states:?}"))
            }
        }
        Message::Response(Value::Bool(true)) if waits && method.contains("stopProcess") => {
            if states.iter().any(|state| state.is_stopped()) {
                Ok(Kind::StopAnswers)
            } else {
                Err(format!("clients: {method} is answered after {states:?}"))
            }
        }
        Message::Fault { .. } => Ok(Kind::Faults),
        Message::Response(_) => Ok(Kind::Answers),
    }
}

/// A client does something: a new one, or one that is there.
pub(super) fn act(world: &mut World) -> Result<(), String> {
    let idle = world.clients.idle();
    let conn = match world.random.pick(&idle) {
        Some(conn) if world.random.chance(600) => {
            world.note(Kind::ClientAsksAgain);
            *conn
        }
        Some(_) | None => match connect(world)? {
            Some(conn) => conn,
            None => return Ok(()),
        },
    };
    if world.random.chance(100) {
        return vanish(world, conn);
    }
    let wish = choose(world);
    ask(world, conn, wish)
}

/// A client that vanished before it was answered asks for the same again.
pub(super) fn come_back(world: &mut World, wish: Wish) -> Result<(), String> {
    let Some(conn) = connect(world)? else {
        return Ok(());
    };
    world.note(Kind::ClientReconnects);
    ask(world, conn, wish)
}

/// A client wants the daemon to end, if one can reach it.
pub(super) fn shut_down(world: &mut World) -> Result<bool, String> {
    let Some(conn) = connect(world)? else {
        return Ok(false);
    };
    world.note(Kind::ShutdownByClient);
    let wish = Wish {
        method: "supervisor.shutdown",
        process: None,
        waits: false,
        params: vec![],
    };
    ask(world, conn, wish).map(|()| true)
}

fn ask(world: &mut World, conn: ConnId, wish: Wish) -> Result<(), String> {
    let message = Message::Call {
        method: wish.method.to_owned(),
        params: wish.params.clone(),
    };
    let document = encode(&message).into_bytes();
    let mut headers = vec![("Content-Type", "text/xml"), ("Host", "localhost")];
    if world.strikes(100, Kind::ClientAsksOnce) {
        headers.push(("Connection", "close"));
    }
    let mut bytes = request("POST", "/RPC2", &headers, Some(&document));
    let mut rest = Vec::new();
    if world.strikes(300, Kind::ClientInParts) {
        let cut = usize::try_from(world.random.below(bytes.len() as u64)).unwrap_or(0);
        rest = bytes.split_off(cut.max(1));
    }
    let slow = world.strikes(world.swarm.slow_clients, Kind::ClientSlow);
    let stuck = slow && world.strikes(300, Kind::ClientStuck);
    let state = |id| {
        let mut all = world.supervisor().processes();
        all.find(|(i, ..)| *i == id).map(|(.., state)| state)
    };
    let states = wish.process.and_then(state).into_iter().collect();
    let (method, waits) = (wish.method, wish.waits);
    if let Some(client) = world.clients.conns.get_mut(&conn) {
        client.slow = slow;
        client.stuck = stuck;
        client.unsent.clone_from(&rest);
        client.call = Some(Call {
            name: wish.process.and_then(|id| name_of(&world.facts, id)),
            wish,
            states,
            asked_at: world.facts.now,
        });
    }
    if waits {
        world.note(Kind::ClientWaits);
    }
    if world.random.chance(150) {
        let later = world.random.below(3_000);
        world.after(later, Due::Vanish(conn));
    }
    if rest.is_empty() {
        note_reading(world, method);
    } else {
        let later = world.random.below(500);
        world.after(later, Due::SendRest(conn));
    }
    let data = bytes.into();
    world.tell(Input::ConnData { conn, data })
}

/// The second part of a request.
pub(super) fn send_rest(world: &mut World, conn: ConnId) -> Result<(), String> {
    let Some(client) = world.clients.conns.get_mut(&conn) else {
        return Ok(());
    };
    let data = std::mem::take(&mut client.unsent).into();
    if let Some(method) = client.call.as_ref().map(|call| call.wish.method) {
        note_reading(world, method);
    }
    world.tell(Input::ConnData { conn, data })
}

/// The client goes away without a word, and may come back.
pub(super) fn vanish(world: &mut World, conn: ConnId) -> Result<(), String> {
    let Some(client) = world.clients.conns.remove(&conn) else {
        return Ok(());
    };
    world.note(match &client.call {
        Some(_) if !client.unsent.is_empty() => Kind::ClientVanishesAsking,
        Some(_) => Kind::ClientVanishesWaiting,
        None => Kind::ClientVanishesIdle,
    });
    if let Some(call) = client.call
        && world.random.chance(world.swarm.comebacks)
    {
        let later = world.random.below(2_000);
        world.after(later, Due::ComesBack(Box::new(call.wish)));
    }
    world.tell(Input::ConnClosed { conn })
}

fn connect(world: &mut World) -> Result<Option<ConnId>, String> {
    let servers: Vec<ServerId> = world.clients.servers.iter().copied().collect();
    let Some(server) = world.random.pick(&servers).copied() else {
        return Ok(None);
    };
    world.clients.next += 1;
    let conn = ConnId(world.clients.next);
    let client = Conn {
        receiver: Receiver::new(),
        body: Vec::new(),
        call: None,
        unsent: Vec::new(),
        slow: false,
        stuck: false,
    };
    world.clients.conns.insert(conn, client);
    world.note(Kind::ClientConnects);
    let peer = String::new();
    world.tell(Input::ConnOpened { conn, server, peer })?;
    Ok(Some(conn))
}

fn note_reading(world: &mut World, method: &str) {
    match method {
        "supervisor.reloadConfig" => world.asked.push_back(false),
        "supervisor.restart" => world.asked.push_back(true),
        _ => {}
    }
}

fn choose(world: &mut World) -> Wish {
    let ids: Vec<ProcessId> = world.facts.processes.keys().copied().collect();
    let process = world.random.pick(&ids).copied();
    let fact = process.and_then(|id| world.facts.processes.get(&id));
    let (group, name) = fact.map_or_else(Default::default, |fact| {
        (fact.group.1.clone(), fact.config.name.clone())
    });
    let full = Value::from(format!("{group}:{name}").as_str());
    let group = Value::from(group.as_str());
    let waits = world.random.chance(700);
    let (method, params) = match world.random.below(20) {
        number @ 0..7 => {
            let starts = number < 4;
            return Wish {
                method: if starts {
                    "supervisor.startProcess"
                } else {
                    "supervisor.stopProcess"
                },
                process,
                waits,
                params: vec![full, Value::Bool(waits)],
            };
        }
        7 => {
            let params = vec![group, Value::Bool(waits)];
            ("supervisor.startProcessGroup", params)
        }
        8 => ("supervisor.stopAllProcesses", vec![]),
        9 => ("supervisor.getAllProcessInfo", vec![]),
        10 => ("supervisor.getProcessInfo", vec![full]),
        11 => {
            let params = vec![full, Value::from("HUP")];
            ("supervisor.signalProcess", params)
        }
        12 => ("supervisor.reloadConfig", vec![]),
        13 => ("supervisor.clearProcessLogs", vec![full]),
        14 if world.swarm.restarts => {
            world.note(Kind::RestartByClient);
            ("supervisor.restart", vec![])
        }
        14 => ("supervisor.getState", vec![]),
        15 | 16 => {
            let params = vec![full, Value::Int(-20), Value::Int(0)];
            ("supervisor.readProcessStdoutLog", params)
        }
        17 => ("supervisor.clearLog", vec![]),
        18 => ("supervisor.removeProcessGroup", vec![group]),
        _ => ("supervisor.addProcessGroup", vec![group]),
    };
    Wish {
        method,
        process: None,
        waits: false,
        params,
    }
}
