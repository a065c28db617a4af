//! What we accept, `xml` and `rxml` accept as the same tree.

mod witness;

use jabiru_xml::Limits;

/// Odd but well-formed: read as the same tree by all three.
#[test]
fn odd_documents() {
    for content in [
        "",
        " \r\n\t",
        "<a/><b>\n</b>",
        "<a b='1' c = \"2\"\r\n\td='3'/>",
        "<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x41;&#x10FFFF;&#xfffd;</a>",
        "<a>\r\n\r\r\n\n&#13;</a>",
        "<a b='x\r\ny\rz\tw\nv&#13;&#9;&#10;'/>",
        "<a><![CDATA[<&\r\n]]]]><![CDATA[>]]></a>",
        "<a>x<![CDATA[]]>y</a>",
        "<a>]] ]&gt;]</a>",
        "<p:a p:b='' b=''/>",
        "<a xmlns=''><b/><c xmlns='jabber:client'/></a>",
        "<a xmlns:p='urn:other'><p:b/></a><p:c/>",
        "<a xmlns:é='urn:é' é:ö='漢'/>",
        "<a xmlns:b='u&amp;&#x20;&#x9;v'><b:c/></a>",
        "<a xml:lang='de' xml:space='preserve'/>",
        "<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='de'/>",
        "<a>\u{85}\u{2028}\u{feff}\u{fffd}\u{10ffff}\u{7f}\u{9f}</a>",
        "<_:a xmlns:_='urn:_'/>",
        "<a b=\"'\" c='\"'/>",
        "<a b='>'>></a>",
        "<stream:stream xmlns:stream='x'><stream:stream/></stream:stream>",
        "<a><![CDATA[]\r\n]]></a>",
        "<a b='&#0000000065;'>&#x000000000a;</a>",
        "<a b='\r\t'/><a b='\r'/>",
        "<a xmlns='xmlns'/><a xmlns='xml'/><a xmlns:b='xml'/>",
    ] {
        let document = format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:p='urn:p' \
             xmlns:stream='http://etherx.jabber.org/streams'>{content}</stream:stream>"
        );
        let bytes = document.as_bytes();
        let ours = witness::ours(bytes, Limits::AUTHENTICATED).unwrap().unwrap();
        let mut agree = 0;
        for (name, theirs) in [("rxml", witness::rxml(bytes)), ("xml", witness::xml(bytes))] {
            match theirs {
                Ok(theirs) if theirs == ours => agree += 1,
                Ok(_) if witness::excused_difference(name, bytes) => {}
                Ok(theirs) => assert_eq!(theirs, ours, "{name}: {content:?}"),
                Err(error) => assert!(witness::excused(name, &error, bytes), "{name}: {content:?}: {error}"),
            }
        }
        assert!(agree > 0, "no witness for {content:?}");
    }
}
