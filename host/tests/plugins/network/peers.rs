//! Servers, each on a port of its own.

use std::{future::Future, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

/// Serves every connection in a task of its own; the port.
pub async fn serve<F, R>(peer: F) -> u16
where
    F: Fn(TcpStream) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(peer(stream));
        }
    });
    port
}

/// Repeats what it hears, at once.
pub async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..count]).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}

/// Listens to the end before it repeats everything.
pub async fn patient(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut heard = Vec::new();
    if stream.read_to_end(&mut heard).await.is_ok() && stream.write_all(&heard).await.is_ok() {
        let _ = stream.shutdown().await;
    }
}

/// Accepts and says nothing.
pub async fn silent(stream: TcpStream) {
    tokio::time::sleep(Duration::from_secs(600)).await;
    drop(stream);
}

/// Accepts, takes as little as the system allows, and reads nothing.
pub async fn deaf() -> u16 {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1024).unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.push(stream);
        }
    });
    port
}

/// Says a thousand bytes and then cuts the connection.
pub async fn cutting(mut stream: TcpStream) {
    let _ = stream.write_all(&[7; 1000]).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    stream.set_zero_linger().unwrap();
}

/// A byte now and then.
pub async fn slow(mut stream: TcpStream) {
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let _ = stream.write_all(&[1]).await;
    }
}
