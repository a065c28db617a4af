//! RFC 6120 §10.3: stanzas without `to`.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[case!(Must, stanza_without_to_concerns_nobody_else, ["10.3"])];

/// RFC 6120 §10.3: the server handles a stanza without `to` itself, on behalf of its sender; it gets to nobody else.
fn stanza_without_to_concerns_nobody_else(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    romeo.sends("<message id='a' type='chat'><body>note to myself</body></message>");
    romeo.sends("<presence id='b'><show>away</show></presence>");
    romeo.sends("<iq id='c' type='get'><q xmlns='urn:example:question'/></iq>");
    juliet.hears_nothing_from(&mut romeo);
}
