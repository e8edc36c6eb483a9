//! A connection with a server, in the thread that asks: everything that is waited for has a deadline.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, NoTls};

use crate::store::postgres::address::ServerAddress;
use crate::store::postgres::faults::PgError;

/// How long the end of a connection is waited for.
const GOODBYE: Duration = Duration::from_secs(1);

/// Passes on what goes over the connection, until the server says something by itself.
type Exchange =
    Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<Result<AsyncMessage, Error>>> + Send>;

/// A connection with one server.
pub(super) struct PgConnection {
    runtime: Runtime,
    /// Nothing while the connection ends.
    client: Option<Client>,
    /// Nothing once the connection has ended or was given up.
    exchange: Option<Exchange>,
    /// The warnings of the server since they were taken last.
    pub(super) warnings: Vec<String>,
}

impl PgConnection {
    /// Connects to the first server of an address that takes the connection.
    pub(super) fn open(address: &ServerAddress) -> Result<Self, PgError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(PgError::System)?;
        let mut refused = Vec::new();
        for (host, server) in &address.servers {
            match runtime.block_on(connect(server, address)) {
                Ok((client, exchange)) => {
                    return Ok(PgConnection {
                        runtime,
                        client: Some(client),
                        exchange: Some(exchange),
                        warnings: Vec::new(),
                    });
                }
                Err(error) => refused.push((host.clone(), error)),
            }
        }
        // A sole server needs no name: it is the ledger's.
        Err(match (refused.len(), refused.pop()) {
            (1, Some((_, error))) => error,
            (_, last) => PgError::NoServer(refused.into_iter().chain(last).collect()),
        })
    }

    /// Asks the server and waits for its answer. A server that is silent for so long is given up, and it is
    /// not known whether it did what it was asked.
    pub(super) fn ask<'a, T, A>(
        &'a mut self,
        limit: Duration,
        ask: impl FnOnce(&'a Client) -> A,
    ) -> Result<T, PgError>
    where
        A: Future<Output = Result<T, Error>>,
    {
        let PgConnection {
            runtime,
            client,
            exchange,
            warnings,
        } = self;
        let Some(client) = client else {
            return Err(PgError::System(io::ErrorKind::NotConnected.into()));
        };
        runtime.block_on(async {
            let (mut answer, mut deadline) = (pin!(ask(client)), pin!(sleep(limit)));
            poll_fn(|cx| {
                if let Err(error) = pass_on(exchange, warnings, cx) {
                    return Poll::Ready(Err(error.into()));
                }
                if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                    return Poll::Ready(answer.map_err(PgError::from));
                }
                deadline.as_mut().poll(cx).map(|()| {
                    *exchange = None;
                    Err(PgError::Silent(limit))
                })
            })
            .await
        })
    }

    /// Whether it can be asked.
    pub(super) fn is_open(&self) -> bool {
        self.exchange.is_some()
            && self
                .client
                .as_ref()
                .is_some_and(|client| !client.is_closed())
    }
}

impl Drop for PgConnection {
    fn drop(&mut self) {
        // The server is told once the client is gone.
        self.client = None;
        let (exchange, warnings) = (&mut self.exchange, &mut self.warnings);
        let goodbye = poll_fn(|cx| match pass_on(exchange, warnings, cx) {
            Ok(()) if exchange.is_some() => Poll::Pending,
            _ => Poll::Ready(()),
        });
        let _ = self
            .runtime
            .block_on(async { timeout(GOODBYE, goodbye).await });
    }
}

/// Passes on what can be sent and what has arrived.
fn pass_on(
    exchange: &mut Option<Exchange>,
    warnings: &mut Vec<String>,
    cx: &mut Context<'_>,
) -> Result<(), Error> {
    while let Some(passing) = exchange {
        match passing(cx) {
            Poll::Ready(Some(Ok(AsyncMessage::Notice(notice)))) => {
                if notice.severity() == "WARNING" {
                    warnings.push(notice.message().to_string());
                }
            }
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(error))) => {
                *exchange = None;
                return Err(error);
            }
            Poll::Ready(None) => *exchange = None,
            Poll::Pending => return Ok(()),
        }
    }
    Ok(())
}

/// Connects to one server, for each of whose waits there is this time: for the network's connection, and for
/// all that is said before the first statement.
async fn connect(server: &Config, address: &ServerAddress) -> Result<(Client, Exchange), PgError> {
    let limit = 2 * server.get_connect_timeout().copied().unwrap_or(GOODBYE);
    let connecting = async {
        match &address.tls {
            Some(tls) => server.connect(tls.clone()).await.map(opened),
            None => server.connect(NoTls).await.map(opened),
        }
    };
    match timeout(limit, connecting).await {
        Ok(connected) => connected.map_err(PgError::from),
        Err(_) => Err(PgError::Silent(limit)),
    }
}

fn opened<S, T>((client, mut connection): (Client, Connection<S, T>)) -> (Client, Exchange)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    (client, Box::new(move |cx| connection.poll_message(cx)))
}
