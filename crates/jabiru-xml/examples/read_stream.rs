//! Reads an XML stream from standard input and prints what it consists of.
//!
//! Try it: `echo "<stream xmlns='jabber:client'><message><body>Hi</body></message></stream>" | cargo run -p jabiru-xml
//! --example read_stream`

use std::io::{Read, Write};

use jabiru_xml::{Event, Limits, Node, Reader};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut reader = Reader::new(Limits::UNAUTHENTICATED);
    let mut out = std::io::stdout().lock();
    let mut buffer = [0; 4096];
    loop {
        let length = std::io::stdin().read(&mut buffer)?;
        if length == 0 {
            return if reader.is_idle() { Ok(()) } else { Err("the input ends within an element".into()) };
        }
        let mut input = &buffer[..length];
        while let Some(event) = reader.read(&mut input)? {
            match event {
                Event::StreamOpen(header) => {
                    write!(out, "the stream opens: ")?;
                    print(&mut out, header.root(), 0)?;
                }
                Event::Element(element) => print(&mut out, element.root(), 1)?,
                Event::StreamClose => writeln!(out, "the stream closes")?,
            }
        }
    }
}

fn print(out: &mut impl Write, node: Node<'_>, depth: usize) -> std::io::Result<()> {
    write!(out, "{:1$}{2} in {3:?}", "", depth * 2, node.name(), node.namespace())?;
    for attribute in node.attributes() {
        write!(out, ", {}={:?}", attribute.name, attribute.value)?;
    }
    if node.has_text() {
        write!(out, ": {:?}", node.text())?;
    }
    writeln!(out)?;
    node.children().try_for_each(|child| print(out, child, depth + 1))
}
