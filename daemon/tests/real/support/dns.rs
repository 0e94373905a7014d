//! A name server for one sandbox: `*.seccinch.test` is on loopback, and nothing else exists.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

/// The zone that is answered for.
const ZONE: &str = ".seccinch.test";

/// A running name server on 127.0.0.1:53 of the network namespace of the thread that started it.
pub(crate) struct Dns {
    asked: Arc<Mutex<BTreeMap<String, u64>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Dns {
    /// Starts answering.
    pub(crate) fn start() -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).context("binding the name server's port")?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let asked = Arc::new(Mutex::new(BTreeMap::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (asked, stop) = (Arc::clone(&asked), Arc::clone(&stop));
            move || serve(&socket, &asked, &stop)
        });
        Ok(Self { asked, stop, thread: Some(thread) })
    }

    /// How often this name was asked for.
    pub(crate) fn asked(&self, name: &str) -> u64 {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or(0)
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed; a drop has nobody to tell.
            drop(thread.join());
        }
    }
}

/// The address of a name: `n-A-B-C.seccinch.test` is 127.A.B.C, every other name of the zone 127.0.0.1.
pub(crate) fn address(name: &str) -> Option<Ipv4Addr> {
    let host = name.strip_suffix(ZONE)?;
    let numbers: Vec<u8> = host.strip_prefix("n-").map_or_else(Vec::new, |numbers| {
        numbers.split('-').filter_map(|number| number.parse().ok()).collect()
    });
    match numbers[..] {
        [a, b, c] => Some(Ipv4Addr::new(127, a, b, c)),
        _ => Some(Ipv4Addr::LOCALHOST),
    }
}

/// A name whose address depends on the number.
pub(crate) fn name_for(number: u64) -> String {
    format!("n-{}-{}-{}{ZONE}", number / 250 % 250, number % 250, number % 199 + 1)
}

fn serve(socket: &UdpSocket, asked: &Mutex<BTreeMap<String, u64>>, stop: &AtomicBool) {
    let mut query = [0; 1500];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut query) else { continue };
        if let Some((name, answer)) = answer(&query[..length]) {
            *asked.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
            // The asker repeats what gets lost.
            drop(socket.send_to(&answer, from));
        }
    }
}

/// The name asked for, and the whole answer (RFC 1035, section 4.1). Only the first question counts.
fn answer(query: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut labels = Vec::new();
    let mut at = 12;
    while *query.get(at)? != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(query.get(at + 1..end)?).to_ascii_lowercase());
        at = end;
    }
    let name = labels.join(".");
    let question = query.get(12..at + 5)?;
    let wants_a = question[question.len() - 4..] == [0, 1, 0, 1];
    let found = address(&name);
    let a = found.filter(|_| wants_a);
    let mut answer = query[..2].to_vec();
    // Authoritative, recursion as asked and available; 3 is "no such name".
    answer.extend([0x85, 0x80 | if found.is_none() { 3 } else { 0 }]);
    answer.extend([0, 1, 0, u8::from(a.is_some()), 0, 0, 0, 0]);
    answer.extend(question);
    if let Some(a) = a {
        // A pointer to the name of the question, type A, class IN, a minute, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(a.octets());
    }
    Some((name, answer))
}
