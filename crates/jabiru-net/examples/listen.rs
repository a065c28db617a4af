//! Accepts one connection, greets it, and prints what arrives until it ends.
//!
//! `cargo run -p jabiru-net --example listen` makes that connection itself; with an address as
//! argument it waits for yours.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use jabiru_net::{Admission, Connection, ConnectionLimits, Listener, Wake};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let listener = Listener::bind(address.as_deref().unwrap_or("127.0.0.1:0").parse()?, Admission::new(10, 10))?;
    let local = listener.local_address()?;
    println!("listening on {local}");
    let visitor = address.is_none().then(|| {
        std::thread::spawn(move || -> std::io::Result<String> {
            let mut socket = TcpStream::connect(local)?;
            socket.write_all(b"good day")?;
            socket.shutdown(std::net::Shutdown::Write)?;
            let mut answer = String::new();
            socket.read_to_string(&mut answer)?;
            Ok(answer)
        })
    });

    let (socket, peer, _admitted) = listener.accept().await;
    let limits = ConnectionLimits::new(65_536, Duration::from_secs(60));
    let mut connection = Connection::new(socket, peer, limits)?;
    connection.outbox().push(|out| out.extend_from_slice(b"welcome\n"))?;
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match connection.next(Some(deadline)).await? {
            Wake::Received(chunk) => println!("{peer} says {:?}", String::from_utf8_lossy(&chunk)),
            Wake::Ended | Wake::EndOrdered(_) => break,
            Wake::Deadline => {
                println!("{peer} is silent");
                break;
            }
        }
    }
    connection.finish(b"good bye\n", Duration::from_secs(1)).await;
    if let Some(visitor) = visitor {
        println!("the visitor heard {:?}", visitor.join().expect("the visitor does not panic")?);
    }
    Ok(())
}
