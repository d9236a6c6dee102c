//! Bytes that nobody wants are passed over in the kernel.
//!
//! The body of a refused request has to leave the wire before its client reads the answer. To copy it out of the kernel, piece by piece,
//! only to forget it is most of what a refusal costs. On Linux, `recv` with `MSG_TRUNC` drops bytes of a TCP stream where they are
//! (tcp(7)); hyper, which counts them, is handed as many others.
//!
//! Only where it is known how many follow: a body with a `Content-Length`, over HTTP/1.1, without TLS. hyper asks for bytes of a body
//! when what it read before is handed on, and the body tells how many are missing then; the last ones are read like any others all the
//! same, so that the next request's stay what they are should hyper ever read ahead.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// As much as one connection reads at once, and so the most of a body that it may hold beside what was handed on.
pub(crate) const READ_AHEAD_BYTES: usize = 32 << 10;

/// How many of the bytes that a connection reads next are not wanted.
#[derive(Debug, Default)]
pub(crate) struct Unwanted(AtomicU64);

impl Unwanted {
    /// The body that is read next is not wanted, until what is returned is dropped.
    pub(crate) fn begin(&self) -> Body<'_> {
        Body(self)
    }
}

/// A body that is not wanted.
#[derive(Debug)]
pub(crate) struct Body<'a>(&'a Unwanted);

impl Body<'_> {
    /// So many bytes of it were not handed on yet.
    pub(crate) fn missing(&self, bytes: u64) {
        self.0.0.store(bytes.saturating_sub(READ_AHEAD_BYTES as u64), Ordering::Relaxed);
    }
}

impl Drop for Body<'_> {
    fn drop(&mut self) {
        self.0.0.store(0, Ordering::Relaxed);
    }
}

/// A connection that passes over what is not wanted.
#[derive(Debug)]
pub(crate) struct Passing {
    stream: TcpStream,
    unwanted: Arc<Unwanted>,
    /// Passed over, and not yet told to the reader.
    passed: usize,
}

impl Passing {
    pub(crate) fn new(stream: TcpStream, unwanted: Arc<Unwanted>) -> Self {
        Self { stream, unwanted, passed: 0 }
    }
}

impl AsyncRead for Passing {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.passed == 0 {
            let unwanted = this.unwanted.0.load(Ordering::Relaxed);
            if unwanted == 0 {
                return Pin::new(&mut this.stream).poll_read(context, buffer);
            }
            this.passed = ready!(pass_over(&this.stream, context, unwanted))?;
        }
        // None: the client closed its side, and that is what the reader sees.
        let bytes = this.passed.min(buffer.remaining());
        buffer.initialize_unfilled_to(bytes);
        buffer.advance(bytes);
        this.passed -= bytes;
        Poll::Ready(Ok(()))
    }
}

#[cfg(target_os = "linux")]
fn pass_over(stream: &TcpStream, context: &mut Context<'_>, bytes: u64) -> Poll<io::Result<usize>> {
    use std::cell::RefCell;

    const AT_ONCE: usize = 256 << 10;
    thread_local! {
        // Says how many; nothing is written to it.
        static NOWHERE: RefCell<Vec<u8>> = RefCell::new(vec![0; AT_ONCE]);
    }
    loop {
        ready!(stream.poll_read_ready(context))?;
        let passed = stream.try_io(tokio::io::Interest::READABLE, || {
            NOWHERE.with_borrow_mut(|nowhere| {
                let nowhere = &mut nowhere[..AT_ONCE.min(usize::try_from(bytes).unwrap_or(AT_ONCE))];
                Ok(rustix::net::recv(stream, nowhere, rustix::net::RecvFlags::TRUNC)?.1)
            })
        });
        match passed {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            passed => return Poll::Ready(passed),
        }
    }
}

/// Elsewhere the flag means something else.
#[cfg(not(target_os = "linux"))]
fn pass_over(stream: &TcpStream, context: &mut Context<'_>, bytes: u64) -> Poll<io::Result<usize>> {
    let mut piece = [0; READ_AHEAD_BYTES];
    loop {
        ready!(stream.poll_read_ready(context))?;
        let most = piece.len().min(usize::try_from(bytes).unwrap_or(piece.len()));
        match stream.try_read(&mut piece[..most]) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            passed => return Poll::Ready(passed),
        }
    }
}

impl AsyncWrite for Passing {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, pieces: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
