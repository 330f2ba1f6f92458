/** The file with the agent's token. Owns the token's form, and promises that no message ever shows a part of one. */
import { type FileFault, readOptionFile } from './small-file.ts';

/** What HTTP allows after `Bearer`, long enough to be no password that somebody made up. */
const FORM = /^[A-Za-z0-9._~+/=-]{16,512}$/;
const BYTES_MAX = 4096;

/** @returns the token without the white space around it. */
export function readToken(path: string): { ok: true; token: string } | FileFault {
  const read = readOptionFile(path, { bytesMax: BYTES_MAX, expected: 'a file with the token of this agent' });
  if (!read.ok) return read;
  const token = read.text.trim();
  if (FORM.test(token)) return { ok: true, token };
  const what = token === '' ? 'is empty' : 'holds no token';
  return { ok: false, what: `${path}: ${what}`, expected: 'one line of 16 to 512 letters, digits and . _ ~ + / = -' };
}
