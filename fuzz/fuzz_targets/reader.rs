//! The reader gives the same events and errors however its input is cut, never panics, and holds little memory.

#![no_main]

use jabiru_xml::{Event, Limits, Reader};
use libfuzzer_sys::fuzz_target;

const TINY: Limits = Limits { max_element_bytes: 60, max_depth: 3, max_attributes: 3, max_name_bytes: 8 };

fuzz_target!(|data: &[u8]| {
    let Some((&choice, rest)) = data.split_first() else { return };
    let stream = jabiru_fuzz::stream(rest);
    let limits = if choice & 1 == 0 { Limits::UNAUTHENTICATED } else { TINY };
    let mut whole = None;
    let used = allocation_counter::measure(|| whole = Some(events(&stream, limits, 0, true)));
    // Pending bytes and index of one element at a time, and the elements' own buffers (limits.rs).
    assert!(used.bytes_max <= 24 * stream.len() as u64 + 4096, "{} bytes for {}", used.bytes_max, stream.len());
    let whole = events(&stream, limits, 0, false);
    assert_eq!(whole, events(&stream, limits, 1, false));
    assert_eq!(whole, events(&stream, limits, 2 + usize::from(choice >> 1), false));
});

/// What the reader says, fed with pieces of `step` bytes (0: everything at once; more than 1: of varying length).
fn events(stream: &[u8], limits: Limits, step: usize, count_only: bool) -> Vec<String> {
    let mut reader = Reader::new(limits);
    let mut events = Vec::new();
    let mut rest = stream;
    let mut turn = 0;
    loop {
        let length = match step {
            0 => rest.len(),
            1 => 1,
            _ => (turn * 7) % step + 1,
        };
        turn += 1;
        let (mut input, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        loop {
            let event = match reader.read(&mut input) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => {
                    events.push(format!("{error:?}"));
                    return events;
                }
            };
            if count_only {
                continue;
            }
            events.push(match event {
                Event::StreamOpen(header) => format!("{:?} {:?}", header.as_bytes(), header.to_element()),
                Event::Element(element) => {
                    assert!(element.memory() <= 6 * element.as_bytes().len() + 32);
                    format!("{:?} {:?} {}", element.as_bytes(), element.to_element(), element.text())
                }
                Event::StreamClose => "close".to_owned(),
            });
        }
        assert!(input.is_empty());
        if rest.is_empty() {
            events.push(format!("idle {}", reader.is_idle()));
            return events;
        }
    }
}
