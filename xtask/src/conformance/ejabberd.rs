//! ejabberd: its configuration, and its administrator's commands over HTTP on loopback.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jabiru_conformance::subject::AdminError;
use jabiru_conformance::{Need, Verb};
use serde_json::{Value, json};

use super::peer::{DOMAIN, OTHER, Place, text};
use crate::process;

const LIMIT: Duration = Duration::from_secs(30);
const CONFIG: &str = "ejabberd.yml";

/// The rest of Debian's configuration, as far as it matters to client streams, but for what slows clients down, shapers
/// and `mod_pres_counter`, and for [`FAIL2BAN`]. No other server is to be asked for, nor its name.
const DEBIAN: &str = "\
c2s_ciphers: 'HIGH:!aNULL:!eNULL:!3DES:@STRENGTH'
c2s_protocol_options: [no_sslv3, no_tlsv1, no_tlsv1_1, cipher_server_preference, no_compression]
disable_sasl_mechanisms: [digest-md5, X-OAUTH2]
acl:
  local:
    user_regexp: ''
access_rules:
  local:
    allow: local
shaper_rules:
  max_user_sessions: 10
  max_user_offline_messages: 100
modules:
  mod_adhoc: {}
  mod_admin_extra: {}
  mod_announce: {}
  mod_avatar: {}
  mod_blocking: {}
  mod_bosh: {}
  mod_caps: {}
  mod_carboncopy: {}
  mod_client_state: {}
  mod_configure: {}
  mod_disco: {}
  mod_http_api: {}
  mod_last: {}
  mod_muc:
    access_create: local
    access_persistent: local
  mod_muc_admin: {}
  mod_offline:
    access_max_user_messages: max_user_offline_messages
  mod_ping: {}
  mod_privacy: {}
  mod_private: {}
  mod_pubsub:
    access_createnode: local
    plugins: [flat, pep]
    force_node_config:
      'eu.siacs.conversations.axolotl.*':
        access_model: open
      storage:bookmarks:
        access_model: whitelist
  mod_push: {}
  mod_push_keepalive: {}
  mod_roster:
    versioning: true
  mod_shared_roster: {}
  mod_sic: {}
  mod_stream_mgmt:
    resend_on_timeout: if_offline
  mod_vcard:
    search: false
  mod_vcard_xupdate: {}
  mod_version: {}
";

/// How many connections may wait to be accepted: many cases connect at once, and one too many would wait for TCP to try
/// again, for seconds.
const BACKLOG: usize = 1000;

/// The last of Debian's modules. It locks out an address after twenty failures, and all cases have the same: so it is
/// only there where a server is for one case.
const FAIL2BAN: &str = "  mod_fail2ban: {}\n";

/// Another of Debian's modules: without it certificates alone prove a server.
const DIALBACK: &str = "  mod_s2s_dialback: {}\n";

/// What Debian's configuration says of server streams.
const SERVERS: &str = "\
s2s_use_starttls: required
s2s_ciphers: 'HIGH:!aNULL:!eNULL:!3DES:@STRENGTH'
s2s_protocol_options: [no_sslv3, no_tlsv1, no_tlsv1_1, cipher_server_preference, no_compression]
";

/// Writes the configuration; the command that starts the server: what `ejabberdctl` would start, but as ourselves
/// and with a data directory of our own.
pub(super) fn prepare(place: &Place, domains: &[&str]) -> Result<Command> {
    let config = place.folder.join(CONFIG);
    fs::write(&config, configuration(place, domains))?;
    let mut command = process::command("erl");
    command
        .env("ERL_LIBS", libraries()?)
        .env("ERL_CRASH_DUMP", place.folder.join("crash.dump"))
        .env("EJABBERD_CONFIG_PATH", config)
        .env("EJABBERD_LOG_PATH", place.folder.join("ejabberd.log"))
        .args(["+K", "true", "-noinput", "-mnesia", "dir"])
        .arg(format!("{:?}", text(&place.folder.join("data"))));
    if let Some(servers) = place.servers {
        command.args(["-eval", &resolver(servers.dns)]);
    }
    command.args(["-s", "ejabberd"]);
    Ok(command)
}

/// The folder of its modules.
pub(crate) fn libraries() -> Result<PathBuf> {
    let found = fs::read_dir("/usr/lib")?.flatten().map(|entry| entry.path()).find(|folder| {
        let mut inside = fs::read_dir(folder).into_iter().flatten().flatten();
        inside.any(|entry| entry.file_name().to_string_lossy().starts_with("ejabberd-"))
    });
    found.context("ejabberd is installed, but not below /usr/lib")
}

/// What has Erlang's resolver ask nobody but the name server of the suite.
fn resolver(dns: SocketAddr) -> String {
    let (ip, port) = (dns.ip().to_string().replace('.', ","), dns.port());
    format!(
        "inet_db:set_resolv_conf(\"\"), inet_db:set_lookup([file, dns]), inet_db:set_cache_size(0), \
         inet_db:add_ns({{{ip}}}, {port})."
    )
}

/// The part of the configuration that is about other servers, but for where they connect.
fn servers(place: &Place) -> String {
    if place.servers.is_none() {
        return "s2s_access: none\n".to_owned();
    }
    let authority = text(&place.certificates.join("authority.crt"));
    let timeouts = match place.profile {
        Some(Need::ServersShortTimeouts) => "negotiation_timeout: 2\ns2s_timeout: 2\n",
        _ => "",
    };
    format!("{SERVERS}ca_file: {authority:?}\n{timeouts}")
}

fn configuration(place: &Place, domains: &[&str]) -> String {
    let listener = |port: u16, tls: &str| {
        format!(
            "  - port: {port}\n    ip: 127.0.0.1\n    module: ejabberd_c2s\n    {tls}: true\n    access: all\n    shaper: none\n    \
             max_stanza_size: 262144\n    backlog: {BACKLOG}\n"
        )
    };
    let server_listener = |port: u16, tls: bool| {
        format!(
            "  - port: {port}\n    ip: 127.0.0.1\n    module: ejabberd_s2s_in\n    tls: {tls}\n    max_stanza_size: 524288\n    \
             backlog: {BACKLOG}\n"
        )
    };
    let server_listeners: String = place
        .servers
        .iter()
        .flat_map(|servers| [server_listener(servers.starttls, false), server_listener(servers.direct_tls, true)])
        .collect();
    let starttls = if place.profile == Some(Need::Plaintext) { "starttls" } else { "starttls_required" };
    let authentication = match place.profile {
        Some(Need::Anonymous) => {
            "auth_method: anonymous\nanonymous_protocol: sasl_anon\nallow_multiple_connections: true\n"
        }
        _ => "auth_method: internal\nauth_password_format: scram\n",
    };
    let conflict = match place.profile {
        Some(Need::ConflictRefuse) => "resource_conflict: closenew\n",
        Some(Need::ConflictAssign) => "resource_conflict: setresource\n",
        _ => "",
    };
    let mut out = format!("hosts: [{}]\nloglevel: info\ncertfiles:\n", domains.join(", "));
    for domain in [DOMAIN, OTHER] {
        // Writing to a String can't fail.
        let _ = writeln!(out, "  - {:?}", text(&place.certificates.join(format!("{domain}.pem"))));
    }
    let _ = write!(
        out,
        "{authentication}{conflict}{}listen:\n{}{}{}  \
           - port: {}\n    ip: 127.0.0.1\n    module: ejabberd_http\n    backlog: {BACKLOG}\n    request_handlers:\n      /api: mod_http_api\n\
         api_permissions:\n  loopback:\n    who:\n      ip: 127.0.0.1/8\n    what: \"*\"\n\
         {DEBIAN}",
        servers(place),
        listener(place.starttls, starttls),
        listener(place.direct_tls, "tls"),
        server_listeners,
        place.control,
    );
    if place.profile != Some(Need::ServersByCertificate) {
        out.push_str(DIALBACK);
    }
    if place.alone {
        out.push_str(FAIL2BAN);
    }
    out
}

/// Carries out a verb.
pub(super) fn run(place: &Place, verb: Verb, arguments: &[&str], input: Option<&str>) -> Result<(), AdminError> {
    let address = arguments.first().copied().unwrap_or_default();
    let (bare, resource) = address.split_once('/').map_or((address, None), |(bare, name)| (bare, Some(name)));
    let (user, host) = bare.split_once('@').unwrap_or(("", bare));
    let input = input.unwrap_or_default();
    let (command, body) = match (verb, resource) {
        (Verb::Create, _) => ("register", json!({ "user": user, "host": host, "password": input })),
        (Verb::Password, _) => ("change_password", json!({ "user": user, "host": host, "newpass": input })),
        (Verb::Remove, _) => ("unregister", json!({ "user": user, "host": host })),
        (Verb::Kick, Some(resource)) => {
            ("kick_session", json!({ "user": user, "host": host, "resource": resource, "reason": "kicked" }))
        }
        (Verb::Kick, None) => ("kick_user", json!({ "user": user, "host": host })),
        (Verb::Reload, _) => ("reload_config", json!({})),
        (Verb::RemoveDomain, _) => {
            let left: Vec<&str> = [DOMAIN, OTHER].into_iter().filter(|domain| *domain != address).collect();
            let written = fs::write(place.folder.join(CONFIG), configuration(place, &left));
            written.map_err(|error| AdminError::Failed(error.to_string()))?;
            ("reload_config", json!({}))
        }
        (
            Verb::Disable | Verb::Enable | Verb::Expire | Verb::Move | Verb::Drain | Verb::Stop | Verb::BreakStorage,
            _,
        ) => return Err(AdminError::Unsupported),
    };
    post(place.control, Path::new("/api").join(command).as_path(), &body)
        .map_err(|error| AdminError::Failed(format!("{command}: {error:#}")))
}

/// One request of HTTP/1.0 to a port of loopback; the answer ends with the connection.
pub(crate) fn post(port: u16, path: &Path, body: &Value) -> Result<()> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(LIMIT))?;
    let body = body.to_string();
    write!(
        socket,
        "POST {} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        path.display(),
        body.len()
    )?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let status = answer.lines().next().unwrap_or_default();
    if !status.contains(" 200 ") {
        bail!("{status}: {}", answer.split("\r\n\r\n").nth(1).unwrap_or_default());
    }
    Ok(())
}
