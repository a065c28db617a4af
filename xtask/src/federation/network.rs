//! Test hosts: network namespaces on one bridge, each with its addresses and its resolver's file.
//!
//! The bridge has a namespace of its own and the cables between it and the hosts (veth) are made inside the namespaces,
//! so that nothing of all this is to be seen in the machine's own network: no interface, no address, no route. The
//! addresses are those for documentation (RFC 5737, RFC 3849). Everything has our process id in its name, and a
//! [`Janitor`] takes it down.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::janitor::Janitor;
use crate::{process, tools};

const LIMIT: Duration = Duration::from_secs(30);

/// Where `ip netns` keeps the namespaces, and the files of theirs that stand in for those in `/etc`.
const NAMESPACES: &str = "/run/netns";
const FILES: &str = "/etc/netns";

/// The hosts of one run.
#[derive(Debug)]
pub(crate) struct Network {
    prefix: String,
    hosts: Vec<Host>,
    nameserver: Host,
    janitor: Janitor,
}

/// One host; a handle only, that knows its namespace by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    namespace: String,
    name: &'static str,
    number: u8,
}

impl Network {
    /// Builds a host for each name and one more, [`Network::nameserver`], which the others ask for names.
    ///
    /// # Errors
    /// If we are not root, there is no `ip`, or the system does not let us make namespaces.
    pub(crate) fn build(names: &[&'static str]) -> Result<Network> {
        ensure!(
            rustix::process::geteuid().is_root(),
            "only root can make network namespaces: run this as root, or in a container that has CAP_SYS_ADMIN"
        );
        tools::programs(&[("ip", "iproute2")])?;
        ensure!(
            Path::new("/proc/sys/net/ipv6").exists(),
            "the test hosts have IPv6 addresses, but this system has no IPv6"
        );
        // There may be several in one process.
        static BUILT: AtomicUsize = AtomicUsize::new(0);
        let number = BUILT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("jabiru-{}-{number}", std::process::id());
        let host = |name, number| Host { namespace: format!("{prefix}-{name}"), name, number };
        let nameserver = host("dns", NAMESERVER_NUMBER);
        let mut hosts: Vec<Host> = Vec::new();
        for (number, name) in (FIRST_NUMBER..LAST_NUMBER).zip(names) {
            hosts.push(host(name, number));
        }
        ensure!(hosts.len() == names.len(), "too many hosts");
        let mut janitor = Janitor::start()?;
        let bridge = format!("{prefix}-bridge");
        janitor.take_care_of(&bridge)?;
        ip(&["netns", "add", &bridge]).context("this system does not let us make network namespaces (ip netns add)")?;
        ip(&["-n", &bridge, "link", "add", BRIDGE, "type", "bridge"])
            .context("this system does not let us make a bridge")?;
        ip(&["-n", &bridge, "link", "set", BRIDGE, "up"])?;
        for host in hosts.iter().chain([&nameserver]) {
            janitor.take_care_of(&host.namespace)?;
            host.connect(&bridge, &nameserver)?;
        }
        Ok(Network { prefix, hosts, nameserver, janitor })
    }

    pub(crate) fn host(&self, name: &str) -> Result<&Host> {
        self.hosts.iter().find(|host| host.name == name).with_context(|| format!("there is no host {name}"))
    }

    pub(crate) fn nameserver(&self) -> &Host {
        &self.nameserver
    }

    /// Ends everything that runs on the hosts and removes them.
    pub(crate) fn take_down(self) -> Result<()> {
        let prefix = self.prefix;
        self.janitor.finish()?;
        let left: Vec<String> = fs::read_dir(NAMESPACES)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name.starts_with(&format!("{prefix}-")))
            .collect();
        ensure!(left.is_empty(), "these network namespaces could not be removed: {}", left.join(", "));
        Ok(())
    }
}

impl Host {
    /// Makes the namespace and plugs it into the bridge.
    fn connect(&self, bridge: &str, nameserver: &Host) -> Result<()> {
        let namespace = self.namespace.as_str();
        let files = self.files();
        fs::create_dir_all(&files).with_context(|| format!("can't create {}", files.display()))?;
        let resolver = format!("nameserver {}\noptions timeout:2 attempts:2\n", nameserver.v4());
        fs::write(files.join("resolv.conf"), resolver)?;
        // Nothing but the test's own names.
        fs::write(files.join("hosts"), "127.0.0.1 localhost\n::1 localhost\n")?;
        fs::write(files.join("nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n")?;

        let port = format!("port{}", self.number);
        let (v4, second, v6) =
            (format!("{}/24", self.v4()), format!("{}/24", self.second_v4()), format!("{}/64", self.v6()));
        ip(&["netns", "add", namespace])?;
        ip(&["-n", bridge, "link", "add", &port, "type", "veth", "peer", "name", CABLE, "netns", namespace])?;
        ip(&["-n", bridge, "link", "set", &port, "master", BRIDGE, "up"])?;
        ip(&["-n", namespace, "address", "add", &v4, "dev", CABLE])?;
        ip(&["-n", namespace, "address", "add", &second, "dev", CABLE])?;
        // Without `nodad` the address could not be used for a second or two.
        ip(&["-n", namespace, "address", "add", &v6, "dev", CABLE, "nodad"])?;
        ip(&["-n", namespace, "link", "set", "lo", "up"])?;
        ip(&["-n", namespace, "link", "set", CABLE, "up"])?;
        // Packets to the silent address go out and nobody answers; without this, the kernel would say after three
        // seconds that nobody has that address.
        ip(&["-n", namespace, "neigh", "add", &SILENT.to_string(), "lladdr", "02:00:00:00:00:fe", "dev", CABLE])
    }

    pub(crate) fn v4(&self) -> Ipv4Addr {
        Ipv4Addr::new(192, 0, 2, self.number)
    }

    /// Another IPv4 address of the host.
    pub(crate) fn second_v4(&self) -> Ipv4Addr {
        Ipv4Addr::new(192, 0, 2, self.number + SECOND)
    }

    pub(crate) fn v6(&self) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(self.number))
    }

    /// From now on there is no way from this host to the other; connections that there are stay as they are.
    pub(crate) fn lose_way_to(&self, other: &Host) -> Result<()> {
        self.change_way_to("add", other)
    }

    /// There is one again.
    pub(crate) fn find_way_to(&self, other: &Host) -> Result<()> {
        self.change_way_to("del", other)
    }

    fn change_way_to(&self, change: &str, other: &Host) -> Result<()> {
        for address in [other.v4().into(), other.second_v4().into(), IpAddr::from(other.v6())] {
            let family = if address.is_ipv4() { "-4" } else { "-6" };
            ip(&[family, "-n", &self.namespace, "route", change, "unreachable", &address.to_string()])?;
        }
        Ok(())
    }

    /// A command that runs on this host. It has the process id of the child that is started.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = process::command("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// Does something on this host, in a thread of its own: what it connects to, it connects to from here. Names are
    /// not looked up here, but by the machine's own resolver.
    pub(crate) fn within<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let path = Path::new(NAMESPACES).join(&self.namespace);
        let namespace = fs::File::open(&path).with_context(|| format!("{} is gone", path.display()))?;
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                    .context("can't enter the network namespace")?;
                work()
            });
            thread.join().map_err(|_| anyhow!("panicked on host {}", self.name))?
        })
    }

    fn files(&self) -> PathBuf {
        Path::new(FILES).join(&self.namespace)
    }
}

/// An address that swallows what is sent to it.
pub(crate) const SILENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 250));

/// What tells a host's second IPv4 address from its first.
const SECOND: u8 = 100;

const FIRST_NUMBER: u8 = 1;
const LAST_NUMBER: u8 = 50;
const NAMESERVER_NUMBER: u8 = 53;

const BRIDGE: &str = "bridge";
const CABLE: &str = "eth0";

fn ip(arguments: &[&str]) -> Result<()> {
    let mut command = process::command("ip");
    command.args(arguments);
    let output = process::capture(&mut command, LIMIT)?;
    if !output.status.success() {
        bail!("ip {}: {}", arguments.join(" "), output.stderr.trim());
    }
    Ok(())
}
