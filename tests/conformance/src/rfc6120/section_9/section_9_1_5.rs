//! RFC 6120 §9.1.5: the end of a stream that has still something to say.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] =
    &[case!(Should, answers_come_before_the_closing_tag_of_the_server, ["9.1", "9.1.5", "10.1"])];

/// RFC 6120 §9.1.5: who closes waits for what the server still has to say, such as the answer to a request that came
/// before the closing tag: it comes before that of the server. (A request MUST be answered, §8.2.3; that it is while the
/// stream is closed, the example says with "might".)
fn answers_come_before_the_closing_tag_of_the_server(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    juliet.sends(
        "<message id='a' to='$romeo' type='chat'><body>Farewell!</body></message>\
         <iq id='b' to='$domain' type='get'><ping xmlns='urn:xmpp:ping'/></iq></stream:stream>",
    );
    romeo.receives("<message from='$juliet/balcony' id='a' to='$romeo' type='chat'><body>Farewell!</body></message>");
    juliet.receives("<iq type='*' id='b' from='?' to='?'>...</iq>");
    juliet.receives_close();
}
