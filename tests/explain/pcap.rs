//! Captures, written byte by byte.

/// A segment that somebody has sent.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    source: u16,
    destination: u16,
    sequence: u32,
    flags: u8,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const ACK: u8 = 0x10;

impl Segment {
    pub(crate) fn to(
        source: u16,
        destination: u16,
        sequence: u32,
        flags: u8,
        payload: &[u8],
    ) -> Self {
        Self { source, destination, sequence, flags, payload: payload.to_vec() }
    }

    /// The segment itself, with an option.
    fn tcp(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.source.to_be_bytes());
        bytes.extend(self.destination.to_be_bytes());
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend([0x60, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
        bytes.extend([1, 1, 1, 0]);
        bytes.extend(&self.payload);
        bytes
    }

    fn ipv4(&self) -> Vec<u8> {
        let tcp = self.tcp();
        let length = u16::try_from(24 + tcp.len()).unwrap();
        let mut bytes = vec![0x46, 0];
        bytes.extend(length.to_be_bytes());
        bytes.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 1]);
        // An option.
        bytes.extend([1, 1, 1, 0]);
        bytes.extend(tcp);
        bytes
    }

    fn ipv6(&self) -> Vec<u8> {
        let tcp = self.tcp();
        let mut bytes = vec![0x60, 0, 0, 0];
        bytes.extend(u16::try_from(8 + tcp.len()).unwrap().to_be_bytes());
        bytes.extend([60, 64]);
        let address = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        bytes.extend(address);
        bytes.extend(address);
        // Destination options, in front of TCP.
        bytes.extend([6, 0, 1, 4, 0, 0, 0, 0]);
        bytes.extend(tcp);
        bytes
    }

    fn packet(&self, link: Link) -> Vec<u8> {
        let (front, ip) = match link {
            Link::Ethernet => ([&[2; 12][..], &[0x08, 0]].concat(), self.ipv4()),
            Link::Vlan => ([&[2; 12][..], &[0x81, 0, 0, 5, 0x86, 0xdd]].concat(), self.ipv6()),
            Link::Pppoe => {
                let session = [0x88, 0x64, 0x11, 0, 0, 1, 0, 0, 0, 0x21];
                ([&[2; 12][..], &session].concat(), self.ipv4())
            }
            Link::Cooked => ([&[0; 14][..], &[0x08, 0]].concat(), self.ipv4()),
            Link::Cooked2 => ([&[0x86, 0xdd][..], &[0; 18]].concat(), self.ipv6()),
            Link::Loopback => (vec![2, 0, 0, 0], self.ipv4()),
            Link::Raw => (Vec::new(), self.ipv6()),
        };
        // The shortest Ethernet frames are padded.
        [front, ip, vec![0; 6]].concat()
    }
}

/// What is wrapped around a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Link {
    Ethernet,
    Vlan,
    Pppoe,
    Cooked,
    Cooked2,
    Loopback,
    Raw,
}

impl Link {
    pub(crate) const ALL: [Self; 7] = [
        Self::Ethernet,
        Self::Vlan,
        Self::Pppoe,
        Self::Cooked,
        Self::Cooked2,
        Self::Loopback,
        Self::Raw,
    ];

    const fn number(self) -> u16 {
        match self {
            Self::Ethernet | Self::Vlan | Self::Pppoe => 1,
            Self::Cooked => 113,
            Self::Cooked2 => 276,
            Self::Loopback => 0,
            Self::Raw => 101,
        }
    }
}

/// A pcap file, most significant byte first.
pub(crate) fn pcap(segments: &[Segment], link: Link) -> Vec<u8> {
    let mut bytes = vec![0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4];
    bytes.extend([0; 8]);
    bytes.extend([0, 4, 0, 0, 0, 0]);
    bytes.extend(link.number().to_be_bytes());
    for segment in segments {
        let packet = segment.packet(link);
        let length = u32::try_from(packet.len()).unwrap().to_be_bytes();
        bytes.extend([[0; 4], [0; 4], length, length].concat());
        bytes.extend(packet);
    }
    bytes
}

/// A pcap file, least significant byte first, of which each packet was kept up to so many bytes.
pub(crate) fn cut(segments: &[Segment], kept: usize) -> Vec<u8> {
    let mut bytes = vec![0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0];
    bytes.extend([0; 8]);
    bytes.extend([120, 0, 0, 0, 1, 0, 0, 0]);
    for segment in segments {
        let packet = segment.packet(Link::Ethernet);
        let here = packet.len().min(kept);
        let [here_bytes, all] =
            [here, packet.len()].map(|length| u32::try_from(length).unwrap().to_le_bytes());
        bytes.extend([[0; 4], [0; 4], here_bytes, all].concat());
        bytes.extend(&packet[..here]);
    }
    bytes
}

/// A pcapng file with blocks of every kind, least significant byte first.
pub(crate) fn pcapng(segments: &[Segment], link: Link) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let length = u32::try_from(12 + body.len() + padding.len()).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &length, body, &padding, &length].concat()
    };
    let section = [&[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0][..], &[0xff; 8]].concat();
    let interface = [&link.number().to_le_bytes()[..], &[0, 0, 0, 0, 4, 0]].concat();
    let mut bytes = block(0x0a0d_0d0a, &section);
    bytes.extend(block(1, &interface));
    // Names of hosts.
    bytes.extend(block(4, &[0; 8]));
    for (at, segment) in segments.iter().enumerate() {
        let packet = segment.packet(link);
        let length = u32::try_from(packet.len()).unwrap().to_le_bytes();
        let (kind, head) = match at % 3 {
            0 => (6, [[0; 4], [0; 4], [0; 4], length, length].concat()),
            1 => (3, length.to_vec()),
            _ => (2, [[0; 4], [0; 4], [0; 4], length, length].concat()),
        };
        bytes.extend(block(kind, &[head, packet].concat()));
    }
    bytes
}
