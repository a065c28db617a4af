//! Connections over the bounds, over real sockets (RFC 6120 §13.12).
#![allow(clippy::unwrap_used, reason = "it is all test code")]

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use jabiru_net::{Admission, AdmissionLimits, Limit, Listener};

const LONG: Duration = Duration::from_secs(30);

/// The first are admitted, the next is handed out to be told, the one after is closed unseen; places that are given
/// back go to the next.
#[tokio::test]
async fn connections_over_the_bounds_are_told_or_closed() {
    let limits = AdmissionLimits { unauthenticated_per_address: 2, refusals: 1, ..AdmissionLimits::new(10, 10) };
    let admission = Admission::with_limits(limits);
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), admission.clone()).unwrap();
    let address = listener.local_address().unwrap();
    let connect = || TcpStream::connect(address).unwrap();
    let accept = || async { tokio::time::timeout(LONG, listener.accept()).await.unwrap() };

    let _clients = [connect(), connect()];
    let mut admitted = [accept().await.2.unwrap(), accept().await.2.unwrap()];

    let over = connect();
    let (socket, peer, excess) = accept().await;
    let excess = excess.unwrap_err();
    assert_eq!(peer, over.local_addr().unwrap());
    assert_eq!(excess.limit(), Limit::UnauthenticatedPerAddress);

    // There is no place left to tell this one.
    let mut unseen = connect();
    let accepting = accept();
    tokio::pin!(accepting);
    tokio::select! {
        biased;
        (_, peer, _) = &mut accepting => panic!("{peer} was handed out"),
        read = tokio::task::spawn_blocking(move || {
            unseen.set_read_timeout(Some(LONG)).unwrap();
            unseen.read(&mut [0; 1])
        }) => match read.unwrap() {
            Ok(count) => assert_eq!(count, 0),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        },
    }
    drop((socket, excess));

    admitted[0].established();
    let after = connect();
    let handed_out = accepting.await;
    assert_eq!(handed_out.1, after.local_addr().unwrap());
    assert!(handed_out.2.is_ok());
    assert_eq!((admission.total(), admission.unauthenticated()), (3, 2));
}
