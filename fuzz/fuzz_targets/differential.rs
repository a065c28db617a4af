//! What we accept, `xml` and `rxml` accept as the same tree; what both of them accept, we refuse only for a reason.
//!
//! Where the witnesses are known to be wrong or stricter than XML stands in `excused`, `excused_difference`
//! and `refused_by_design`.

#![no_main]

use jabiru_fuzz::witness;
use jabiru_xml::ReadErrorKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let stream = jabiru_fuzz::stream(data);
    let ours = witness::ours(&stream, witness::WIDE);
    let (rxml, xml) = (witness::rxml(&stream), witness::xml(&stream));
    match ours {
        Ok(Some(tree)) => {
            for (name, theirs) in [("rxml", rxml), ("xml", xml)] {
                match theirs {
                    Ok(theirs) if theirs != tree && witness::excused_difference(name, &stream) => {}
                    Ok(theirs) => assert_eq!(theirs, tree, "{name}: {}", String::from_utf8_lossy(&stream)),
                    Err(error) if witness::excused(name, &error, &stream) => {}
                    Err(error) => panic!("{name} refuses with {error}: {}", String::from_utf8_lossy(&stream)),
                }
            }
        }
        Ok(None) => {
            assert!(rxml.is_err() || xml.is_err(), "it does end: {}", String::from_utf8_lossy(&stream));
        }
        Err(error) => {
            let by_design = match error.kind {
                // Legal XML that streams do not have, or more than we want.
                ReadErrorKind::TextBetweenElements
                | ReadErrorKind::StreamWithinStream
                | ReadErrorKind::LimitExceeded(_) => true,
                ReadErrorKind::NotWellFormed(what) => witness::refused_by_design(what),
                _ => false,
            };
            if !by_design && rxml.is_ok() && xml.is_ok() {
                panic!("{error}, but the others accept it: {}", String::from_utf8_lossy(&stream));
            }
        }
    }
});
