//! What a descriptor of another process leads to, in words: `/var/log/x.log`, `tcp 10.0.0.7:5432`.

use crate::procfs::{self, Fields};
use rustc_hash::FxHashMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

/// What kind of thing a descriptor leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DescriptorKind {
    /// A file or directory.
    File,
    /// A pipe, named or not.
    Pipe,
    /// A socket of any family.
    Socket,
    /// A terminal or another device.
    Device,
    /// An object of the kernel: epoll, eventfd, timer, io_uring.
    Event,
    /// Not open, or not to be seen.
    None,
}

/// What a descriptor leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescriptorInfo {
    /// The kind of thing.
    pub kind: DescriptorKind,
    /// Its name, empty only for [`DescriptorKind::None`]: a path, `pipe`, `epoll`,
    /// `tcp 10.0.0.7:5432` (the peer), `listening tcp :8000`, `unix /run/x.sock`.
    pub name: String,
}

/// Describes one descriptor; for many of them [`Descriptors`] is faster.
pub fn describe(pid: u32, fd: i32) -> DescriptorInfo {
    Descriptors::new(pid).describe(fd)
}

/// How soon the kernel's list of sockets is read again for a socket that was not in it. It can
/// have a hundred thousand lines.
const REFRESH: Duration = Duration::from_millis(200);
/// The most bytes of each list that are read.
const LIMIT_BYTES: u64 = 16 << 20;

/// The descriptors of one process, with the names of its sockets remembered.
#[derive(Debug)]
pub struct Descriptors {
    pid: u32,
    /// By inode, which names a socket for as long as it lives.
    sockets: FxHashMap<u64, String>,
    read_at: Option<Instant>,
}

impl Descriptors {
    /// Looks at nothing yet.
    pub fn new(pid: u32) -> Self {
        Self {
            pid,
            sockets: FxHashMap::default(),
            read_at: None,
        }
    }

    /// Describes the descriptor `fd`, as it is at this moment.
    pub fn describe(&mut self, fd: i32) -> DescriptorInfo {
        let Ok(link) = std::fs::read_link(format!("/proc/{}/fd/{fd}", self.pid)) else {
            return DescriptorInfo {
                kind: DescriptorKind::None,
                name: String::new(),
            };
        };
        let (kind, name) = match classify(link.as_os_str().as_bytes()) {
            Link::Socket(inode) => (DescriptorKind::Socket, self.socket(inode)),
            Link::Other(DescriptorKind::File, name) if self.is_fifo(fd) => {
                (DescriptorKind::Pipe, name)
            }
            Link::Other(kind, name) => (kind, name),
        };
        DescriptorInfo { kind, name }
    }

    fn is_fifo(&self, fd: i32) -> bool {
        use std::os::unix::fs::FileTypeExt;
        let metadata = std::fs::metadata(format!("/proc/{}/fd/{fd}", self.pid));
        metadata.is_ok_and(|metadata| metadata.file_type().is_fifo())
    }

    fn socket(&mut self, inode: u64) -> String {
        if let Some(name) = self.sockets.get(&inode) {
            return name.clone();
        }
        if self.read_at.is_none_or(|at| at.elapsed() >= REFRESH) {
            self.sockets = read_sockets(self.pid);
            self.read_at = Some(Instant::now());
        }
        self.sockets
            .get(&inode)
            .cloned()
            .unwrap_or_else(|| "socket".to_owned())
    }
}

enum Link {
    Socket(u64),
    Other(DescriptorKind, String),
}

/// Takes the text of a `/proc/PID/fd/N` link apart.
fn classify(link: &[u8]) -> Link {
    let text = String::from_utf8_lossy(link).into_owned();
    let inode = link
        .strip_prefix(b"socket:[")
        .and_then(|rest| rest.strip_suffix(b"]"));
    if let Some(inode) = inode.and_then(procfs::decimal) {
        return Link::Socket(inode);
    }
    if text.starts_with("pipe:[") {
        return Link::Other(DescriptorKind::Pipe, "pipe".to_owned());
    }
    if let Some(object) = text.strip_prefix("anon_inode:") {
        let object = object.trim_start_matches('[').trim_end_matches(']');
        let object = if object == "eventpoll" {
            "epoll"
        } else {
            object
        };
        return Link::Other(DescriptorKind::Event, object.to_owned());
    }
    // Files in memory live under /dev too.
    let is_device = text.starts_with("/dev/")
        && !text.starts_with("/dev/shm/")
        && !text.starts_with("/dev/hugepages/")
        && !text.starts_with("/dev/mqueue/");
    let kind = if is_device {
        DescriptorKind::Device
    } else {
        DescriptorKind::File
    };
    Link::Other(kind, text)
}

/// The names of all sockets in the network namespace of a process, by inode.
fn read_sockets(pid: u32) -> FxHashMap<u64, String> {
    let mut names = FxHashMap::default();
    for (file, protocol) in [
        ("tcp", "tcp"),
        ("tcp6", "tcp"),
        ("udp", "udp"),
        ("udp6", "udp"),
    ] {
        let text = procfs::read(format!("/proc/{pid}/net/{file}"), LIMIT_BYTES).unwrap_or_default();
        let lines = text.split(|&byte| byte == b'\n').skip(1);
        names.extend(lines.filter_map(|line| internet_socket(line, protocol)));
    }
    let text = procfs::read(format!("/proc/{pid}/net/unix"), LIMIT_BYTES).unwrap_or_default();
    let lines = text.split(|&byte| byte == b'\n').skip(1);
    names.extend(lines.filter_map(unix_socket));
    names
}

/// A line of `/proc/net/tcp` and its like (proc_net_tcp.rst).
fn internet_socket(line: &[u8], protocol: &str) -> Option<(u64, String)> {
    const LISTENING: u64 = 10;
    let mut fields = Fields(line);
    fields.skip(1)?; // number
    let local = address(fields.word()?)?;
    let remote = address(fields.word()?)?;
    let state = fields.hex()?;
    fields.skip(5)?; // queues, timer, retransmits, user, timeout
    let inode = fields.decimal()?;
    let mut name = String::new();
    if protocol == "tcp" && state == LISTENING {
        name.push_str("listening ");
    }
    name.push_str(protocol);
    let shown = if remote.port() == 0 { local } else { remote };
    let written = if shown.ip().is_unspecified() {
        write!(name, " :{}", shown.port())
    } else {
        write!(name, " {shown}")
    };
    written.ok()?;
    Some((inode, name))
}

/// An address such as `0100007F:1F90`: words of 32 bits as this machine prints them, and a port.
fn address(text: &[u8]) -> Option<SocketAddr> {
    let middle = text.iter().position(|&byte| byte == b':')?;
    let (host, port) = (&text[..middle], procfs::hex(&text[middle + 1..])?);
    let word = |at: usize| {
        let word = u32::try_from(procfs::hex(host.get(at..at + 8)?)?).ok()?;
        Some(word.to_ne_bytes())
    };
    let ip = match host.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                *part = word(8 * index)?;
            }
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::try_from(port).ok()?))
}

/// A line of `/proc/net/unix`: the inode is field 7 and the path, if there is one, the rest.
fn unix_socket(line: &[u8]) -> Option<(u64, String)> {
    let mut fields = Fields(line);
    fields.skip(6)?;
    let inode = fields.decimal()?;
    let path = String::from_utf8_lossy(fields.0.trim_ascii()).into_owned();
    let name = if path.is_empty() {
        "unix socket".to_owned()
    } else {
        format!("unix {path}")
    };
    Some((inode, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixListener;

    #[track_caller]
    fn check(fd: &impl AsRawFd, kind: DescriptorKind, name: &str) {
        let info = describe(std::process::id(), fd.as_raw_fd());
        assert_eq!(
            info,
            DescriptorInfo {
                kind,
                name: name.to_owned()
            }
        );
    }

    #[test]
    fn sockets_are_named_by_their_peer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        check(
            &listener,
            DescriptorKind::Socket,
            &format!("listening tcp {address}"),
        );
        let stream = TcpStream::connect(address).unwrap();
        check(&stream, DescriptorKind::Socket, &format!("tcp {address}"));
        let everywhere = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = everywhere.local_addr().unwrap().port();
        check(
            &everywhere,
            DescriptorKind::Socket,
            &format!("listening tcp :{port}"),
        );
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect(("127.0.0.1", 9)).unwrap();
        check(&udp, DescriptorKind::Socket, "udp 127.0.0.1:9");
    }

    #[test]
    fn a_unix_socket_has_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a b.sock");
        let listener = UnixListener::bind(&path).unwrap();
        check(
            &listener,
            DescriptorKind::Socket,
            &format!("unix {}", path.display()),
        );
    }

    #[test]
    fn a_socket_made_later_is_found() {
        let mut descriptors = Descriptors::new(std::process::id());
        let first = UdpSocket::bind("127.0.0.1:0").unwrap();
        descriptors.describe(first.as_raw_fd());
        descriptors.read_at = Instant::now().checked_sub(2 * REFRESH);
        let second = UdpSocket::bind("127.0.0.1:0").unwrap();
        let name = descriptors.describe(second.as_raw_fd()).name;
        assert_eq!(name, format!("udp {}", second.local_addr().unwrap()));
    }

    #[test]
    fn files_pipes_and_devices_are_told_apart() {
        let file = tempfile::NamedTempFile::new().unwrap();
        check(
            file.as_file(),
            DescriptorKind::File,
            &file.path().display().to_string(),
        );
        let (reader, _writer) = std::io::pipe().unwrap();
        check(&reader, DescriptorKind::Pipe, "pipe");
        check(
            &std::fs::File::open("/dev/null").unwrap(),
            DescriptorKind::Device,
            "/dev/null",
        );
        let none = describe(std::process::id(), 1_000_000);
        assert_eq!((none.kind, none.name.as_str()), (DescriptorKind::None, ""));
        assert_eq!(describe(u32::MAX, 0).kind, DescriptorKind::None);
    }

    #[test]
    fn lines_of_the_kernel_are_read_as_documented() {
        let line = b"  2: 0100007F:0CEA 0100007F:1538 01 00000000:00000000 02:00000 0 0 0 777 1";
        let expected = format!("tcp {}:5432", Ipv4Addr::from(0x0100_007f_u32.to_ne_bytes()));
        assert_eq!(internet_socket(line, "tcp"), Some((777, expected)));
        assert_eq!(internet_socket(b"", "tcp"), None);
        assert_eq!(internet_socket(b"0: 0100007F 00:00 01", "tcp"), None);
        let link = |text: &str| match classify(text.as_bytes()) {
            Link::Socket(inode) => format!("socket {inode}"),
            Link::Other(kind, name) => format!("{kind:?} {name}"),
        };
        assert_eq!(link("anon_inode:[eventpoll]"), "Event epoll");
        assert_eq!(link("anon_inode:[io_uring]"), "Event io_uring");
        assert_eq!(link("/dev/shm/x"), "File /dev/shm/x");
        assert_eq!(link("/dev/pts/0"), "Device /dev/pts/0");
        assert_eq!(link("socket:[x]"), "File socket:[x]");
    }
}
