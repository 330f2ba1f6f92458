/** Login records as glibc lays them out. Pure. */

/** utmp(5): ut_type of a session. */
const USER_PROCESS = 7;
const USER_AT = 44;
const USER_BYTES = 32;
/** x86-64 keeps the records of 32-bit programs; newer 64-bit architectures have 64-bit times in them. */
const RECORD_BYTES_X64 = 384;
const RECORD_BYTES_OTHER = 400;

/**
 * Reads a utmp file (utmp(5)); a cut last record is passed over.
 * @param arch Node's word for it, since the record's length depends on it.
 * @returns the user name of each session.
 */
export function parseUtmp(bytes: Uint8Array, arch: string): string[] {
  const recordBytes = arch === 'x64' ? RECORD_BYTES_X64 : RECORD_BYTES_OTHER;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const users: string[] = [];
  for (let at = 0; at + recordBytes <= bytes.byteLength; at += recordBytes) {
    if (view.getInt16(at, true) !== USER_PROCESS) continue;
    const field = bytes.subarray(at + USER_AT, at + USER_AT + USER_BYTES);
    const end = field.indexOf(0);
    users.push(Buffer.from(end === -1 ? field : field.subarray(0, end)).toString('utf8'));
  }
  return users;
}
