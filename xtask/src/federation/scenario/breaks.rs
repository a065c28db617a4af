//! What becomes of a thousand messages when a connection or a server goes in their midst.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::Trial;
use crate::federation::domain::{Domain, Purpose, STARTTLS_PORT, Software};
use crate::federation::judge::{self, Bound, Outcome};
use crate::federation::sockets::Connection;
use crate::federation::stage::{User, bodies};
use crate::process;

const COUNT: usize = 1000;
const HALF: usize = COUNT / 2;
const FEW: usize = 20;

/// Between two messages: a thousand take some seconds, so that what happens then happens in their midst.
const PAUSE: Duration = Duration::from_millis(3);

/// For acknowledgements to come, the last of which are asked for after a second, and for an end to be noticed.
const REST: Duration = Duration::from_millis(2100);

/// How long, in seconds, to try to log in to a server that is being started.
const PATIENCE: f64 = 60.0;

/// What a server that is killed may take with it, in messages.
const WINDOW: usize = 200;

/// The connection breaks in the midst of messages from left to right, both servers stay.
pub(super) fn broken(trial: &Trial<'_>) -> Result<()> {
    let (from, to) = (trial.stage.user(trial.left(Purpose::Plain))?, trial.stage.user(trial.right(Purpose::Plain))?);
    let token = trial.stage.token();
    let sending = trial.stage.send(&from, &to, &token, 0, &bodies(&token, COUNT), PAUSE)?;
    wait_for(trial, &from, &to, &token, HALF)?;
    let number = break_connections(trial)?;
    sending.wait::<()>()?;
    let outcome = trial.stage.outcome(&from, &to, &token, COUNT)?;
    let bound = match (trial.pair.left.is_ours(), trial.pair.right.is_ours()) {
        // The stream is resumed (XEP-0198 §5).
        (true, true) => Bound::Arrived,
        // Others resume none, so that what was not acknowledged may come twice; ejabberd acknowledges nothing.
        (true, false) => Bound::But { row: WINDOW },
        (false, _) => Bound::Shown,
    };
    trial.push(format!("{COUNT} messages, {number} connections broken"), judge::accounted(COUNT, &outcome, bound));
    Ok(())
}

/// Has the kernel end the connections between both servers, as if they had been reset; how many.
fn break_connections(trial: &Trial<'_>) -> Result<usize> {
    let (left, right) = (trial.stage.server(trial.pair.left)?, trial.stage.server(trial.pair.right)?);
    let between = || -> Vec<Connection> {
        let all = left.connections_to(&right.host).into_iter();
        all.filter(|one| [one.remote.port(), one.local.port()].contains(&STARTTLS_PORT)).collect()
    };
    let before = between();
    ensure!(!before.is_empty(), "no connection between the servers");
    for address in [right.host.v4().to_string(), right.host.second_v4().to_string(), format!("[{}]", right.host.v6())] {
        let mut command = left.host.command("ss");
        command.args(["--kill", "--no-header", "--tcp", "dst", &address]);
        process::capture(&mut command, Duration::from_secs(20))?;
    }
    let after = between();
    let is_left = before.iter().any(|connection| after.contains(connection));
    ensure!(!is_left, "this kernel can't end connections (CONFIG_INET_DIAG_DESTROY)");
    Ok(before.len())
}

/// The right server is killed when nothing is under way, and is away when the second half is sent.
pub(super) fn killed(trial: &Trial<'_>) -> Result<()> {
    let (from, to) = (trial.stage.user(trial.left(Purpose::Plain))?, trial.stage.user(trial.right(Purpose::Plain))?);
    let token = trial.stage.token();
    let texts = bodies(&token, COUNT);
    trial.stage.send(&from, &to, &token, 0, &texts[..HALF], Duration::ZERO)?.wait::<()>()?;
    wait_for(trial, &from, &to, &token, HALF)?;
    thread::sleep(REST);
    trial.stage.server(trial.pair.right)?.kill();
    thread::sleep(REST / 3);
    let sending = trial.stage.send(&from, &to, &token, HALF, &texts[HALF..], PAUSE)?;
    start_right_again(trial, &to)?;
    sending.wait::<()>()?;
    let outcome = trial.stage.outcome(&from, &to, &token, COUNT)?;
    let bound = ours(trial, Bound::Accounted);
    trial.push(format!("{COUNT} messages, killed after {HALF}"), judge::accounted(COUNT, &outcome, bound));
    afterwards(trial)
}

/// The right server is killed while messages come in.
pub(super) fn killed_in_flight(trial: &Trial<'_>) -> Result<()> {
    let (from, to) = (trial.stage.user(trial.left(Purpose::Plain))?, trial.stage.user(trial.right(Purpose::Plain))?);
    let token = trial.stage.token();
    let sending = trial.stage.send(&from, &to, &token, 0, &bodies(&token, COUNT), PAUSE)?;
    wait_for(trial, &from, &to, &token, HALF)?;
    trial.stage.server(trial.pair.right)?.kill();
    start_right_again(trial, &to)?;
    sending.wait::<()>()?;
    let outcome = trial.stage.outcome(&from, &to, &token, COUNT)?;
    let bound = ours(trial, Bound::But { row: WINDOW });
    trial.push(format!("{COUNT} messages, killed in their midst"), judge::accounted(COUNT, &outcome, bound));
    afterwards(trial)
}

/// The left server ends and is started again while both users write; then it ends as soon as it has something to send.
///
/// What its own user sent before has arrived or comes back; so has what comes to it. It must not lose anything.
pub(super) fn restarted(trial: &Trial<'_>) -> Result<()> {
    // So that there is a stream.
    trial.talk(Purpose::Plain, Purpose::Plain)?;
    let left = trial.left(Purpose::Plain);
    let (own, other) = (trial.stage.user(left)?, trial.stage.user(trial.right(Purpose::Plain))?);
    let (out, back) = (trial.stage.token(), trial.stage.token());
    let (texts, answers) = (bodies(&out, COUNT), bodies(&back, COUNT));
    let answering = trial.stage.send(&other, &own, &back, 0, &answers, PAUSE)?;
    // All of these have been taken by the server when it is told to end.
    trial.stage.send(&own, &other, &out, 0, &texts[..HALF], Duration::ZERO)?.wait::<()>()?;
    restart(trial, &own)?;
    let own = trial.stage.user(left)?;
    trial.stage.send(&own, &other, &out, HALF, &texts[HALF..], PAUSE)?.wait::<()>()?;
    answering.wait::<()>()?;
    let outcome = trial.stage.outcome(&own, &other, &out, COUNT)?;
    let verdict = judge::accounted(COUNT, &outcome, ours(trial, Bound::Arrived));
    trial.push(format!("{COUNT} messages out, ended after {HALF}"), verdict);
    let outcome = trial.stage.outcome(&other, &own, &back, COUNT)?;
    // ejabberd loses what reaches its stream in the moment in which that ends.
    let is_noticed = trial.pair.right.software() != Software::Ejabberd;
    let bound = ours(trial, if is_noticed { Bound::Accounted } else { Bound::But { row: FEW } });
    trial.push(format!("{COUNT} messages in, ended in their midst"), judge::accounted(COUNT, &outcome, bound));

    restart(trial, &own)?;
    let own = trial.stage.user(left)?;
    let token = trial.stage.token();
    let texts = bodies(&token, FEW);
    trial.stage.send(&own, &other, &token, 0, &texts, Duration::ZERO)?.wait::<()>()?;
    restart(trial, &own)?;
    let outcome = trial.stage.outcome(&trial.stage.user(left)?, &other, &token, FEW)?;
    let verdict = judge::accounted(FEW, &outcome, ours(trial, Bound::Arrived));
    trial.push(format!("{FEW} messages out, ended at once, perhaps before there is a stream"), verdict);
    ended_at_dialback(trial, &trial.stage.user(left)?)
}

/// The same where the other server asks back first (XEP-0220).
fn ended_at_dialback(trial: &Trial<'_>, user: &User) -> Result<()> {
    let (own, other) = (trial.left(Purpose::Dialback), trial.right(Purpose::Dialback));
    let (sender, to) = (trial.stage.user(own)?, trial.stage.user(other)?);
    let token = trial.stage.token();
    trial.stage.send(&sender, &to, &token, 0, &bodies(&token, FEW), Duration::ZERO)?.wait::<()>()?;
    restart(trial, user)?;
    let outcome = trial.stage.outcome(&trial.stage.user(own)?, &to, &token, FEW)?;
    let verdict = judge::accounted(FEW, &outcome, ours(trial, Bound::Arrived));
    trial.push(format!("{FEW} messages out, ended at once, by dialback"), verdict);
    Ok(())
}

/// Ends the left server, starts it again, and has its user back.
fn restart(trial: &Trial<'_>, user: &User) -> Result<()> {
    let (status, time) = trial.stage.server(trial.pair.left)?.stop()?;
    let seen = format!("{} after {:.1} s", process::explain(status), time.as_secs_f64());
    let is_right = status.success() || !trial.pair.left.is_ours();
    trial.push("ends with 0", if is_right { Ok(seen) } else { Err(seen) });
    start_again(trial, trial.left(Purpose::Plain), user)
}

/// What is asked of our server where it is on the left.
fn ours(trial: &Trial<'_>, bound: Bound) -> Bound {
    if trial.pair.left.is_ours() { bound } else { Bound::Shown }
}

/// Waits until the first `count` have arrived.
fn wait_for(trial: &Trial<'_>, from: &User, to: &User, token: &str, count: usize) -> Result<()> {
    let outcome: Outcome = trial.stage.outcome(from, to, token, count)?;
    let (arrived, bounced) = (outcome.messages.len(), outcome.errors.len());
    ensure!(
        arrived >= count && bounced == 0,
        "{arrived} messages of {count} arrived before anything happened, {bounced} errors"
    );
    Ok(())
}

/// Starts the right server, which was killed. The left one does not reach it before its user is back: what comes for a user
/// who is just logging in is the business of the server there, and ejabberd delivers it later than what comes next, or
/// not at all.
fn start_right_again(trial: &Trial<'_>, user: &User) -> Result<()> {
    let (left, right) =
        (trial.stage.server(trial.pair.left)?.host.clone(), trial.stage.server(trial.pair.right)?.host.clone());
    left.lose_way_to(&right)?;
    let started = start_again(trial, trial.right(Purpose::Plain), user);
    left.find_way_to(&right)?;
    started
}

/// Starts a server that has ended, and logs its user in as soon as it answers.
fn start_again(trial: &Trial<'_>, domain: Domain, user: &User) -> Result<()> {
    trial.stage.forget(domain.party)?;
    trial.stage.server(domain.party)?.begin()?;
    let login = trial.stage.login(domain, &user.bare, PATIENCE)?;
    let outcome = trial.stage.users().ask("login", login)?;
    trial.stage.logged_in(user.bare.clone(), outcome)?;
    trial.stage.server(domain.party)?.wait_until_ready()
}

/// Then all is as before.
fn afterwards(trial: &Trial<'_>) -> Result<()> {
    trial.talk(Purpose::Plain, Purpose::Plain)?;
    let users = [trial.left(Purpose::Plain), trial.right(Purpose::Plain)];
    for domain in users {
        let user = trial.stage.user(domain)?;
        trial.stage.users().ask::<()>("flush", json!({ "account": user.bare }))?;
    }
    Ok(())
}
