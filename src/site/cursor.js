// A cursor is `<epoch>-<offset>`: which log, and how far it has been read. The offsets of a log are
// consecutive, so that two cursors tell how many messages lie between them.

/** Reads a cursor; whatever is none stands before the first message. */
export function parse(cursor) {
  const [epoch, offset] = String(cursor).split("-").map(Number);
  return Number.isSafeInteger(offset) ? { epoch, offset } : { epoch: 0, offset: 0 };
}

/** How many messages lie after `mark`, up to `cursor`. */
export function distance(mark, cursor) {
  // Another epoch is another log, of which nothing has been read.
  const read = mark.epoch === cursor.epoch ? mark.offset : 0;
  return Math.max(0, cursor.offset - read);
}

/** Whether `one` is a later place than `other`. */
export function isAfter(one, other) {
  return one.epoch === other.epoch ? one.offset > other.offset : one.epoch > other.epoch;
}
