use super::*;

const GROUP: Field = Field::text(Part::Framing, "group", "", "").read(Reading::Fixed);
const WORD: Field = Field::text(Part::Payload, "word", "", "");
const FLAG: Field = Field::text(Part::Framing, "flag", "", "").read(Reading::Unsigned);
static FIELDS: [Field; 3] = [GROUP, WORD, FLAG];

fn recorded() -> Tape {
    let [group, word, flag] = &FIELDS;
    let mut tape = Tape::default();
    tape.enter(group);
    tape.bits(1, flag);
    tape.bits(7, flag);
    tape.take(2, word);
    tape.take(0, word);
    tape.take(3, word);
    tape.leave();
    tape
}

#[test]
fn what_is_said_tiles() {
    let tape = recorded();
    assert_eq!((tape.bytes(), untiled(tape.spans(), 6)), (6, None));
    let places: Vec<_> =
        tape.spans().iter().map(|span| (span.field.name, span.start, span.end)).collect();
    assert_eq!(places, [("group", 0, 6), ("flag", 0, 1), ("flag", 0, 1), ("word", 1, 6)]);
    assert_eq!(untiled(tape.spans(), 7), Some(6));
}

#[test]
fn a_hole_is_found() {
    let mut spans = recorded().spans().to_vec();
    spans.remove(2);
    assert_eq!(untiled(&spans, 6), Some(0));
}

#[test]
fn what_is_said_again_is_forgotten() {
    let [group, word, flag] = &FIELDS;
    let mut tape = recorded();
    tape.take(1, word);
    let mark = tape.mark();
    tape.take(5, word);
    tape.enter(group);
    tape.bits(3, flag);
    tape.rewind(mark);
    assert_eq!((tape.bytes(), tape.is_whole()), (7, true));
    assert_eq!(untiled(tape.spans(), 7), None);
}

#[test]
fn a_group_that_is_cut_goes_on() {
    let [group, word, _] = &FIELDS;
    let mut tape = Tape::default();
    tape.enter(group);
    tape.take(2, word);
    let first = tape.cut();
    assert_eq!(untiled(&first, 2), None);
    tape.take(3, word);
    tape.leave();
    assert!(tape.is_whole());
    assert_eq!(untiled(&tape.cut(), 3), None);
}

#[test]
fn what_is_in_a_group_of_control_is_control() {
    let [group, word, _] = &FIELDS;
    let mut tape = Tape::default();
    tape.enter(group);
    tape.take(2, word);
    tape.is_control();
    tape.take(2, group);
    tape.leave();
    tape.take(1, word);
    let parts: Vec<Part> = tape.spans().iter().map(|span| span.part).collect();
    assert_eq!(parts, [Part::Control, Part::Control, Part::Control, Part::Payload]);
}

#[test]
fn values_are_read() {
    assert_eq!(Reading::Text.value(b"hi", None), "hi");
    assert_eq!(Reading::Unsigned.value(&[1, 0], None), "256");
    assert_eq!(Reading::Hex.value(&[1, 0xab], None), "01 ab");
    assert_eq!(Reading::Named(|_| "one").value(&[1], None), "1 one");
    let low = Bits { from: 4, count: 4 };
    assert_eq!(Reading::Unsigned.value(&[0x8a], Some(low)), "10");
}
