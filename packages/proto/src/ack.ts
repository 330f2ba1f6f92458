/**
 * The collector's yes and no, as bytes. Owns both directions: decoding by protobufjs' static code for the agent, and
 * encoding by hand as a latin-1 string, since a collector does it once per request and appends it to an answer that is
 * one string anyway. Field numbers are those of `message Ack` in metricstream.proto; a test holds them together.
 */
import type { Ack, Refusal, RetryClass } from './batch.ts';
import { metricstream } from './gen/metricstream.js';

const DURABLE_JOURNAL = 2;
/** By their numbers on the wire. */
const RETRY_CLASSES: readonly RetryClass[] = ['unspecified', 'quota', 'busy', 'never', 'auth'];

/**
 * @returns the Ack's protobuf bytes, each as one latin-1 character, canonical (defaults left out).
 * @param contiguousSeq whole, 0 … 2^53 - 1; @param receivedUnixMs likewise.
 */
export function ackLatin1(
  contiguousSeq: number,
  receivedUnixMs: number,
  durable: Ack['durable'],
  duplicate: boolean,
): string {
  let text = durable === 'journal' ? '\x08\x02' : '\x08\x01';
  if (contiguousSeq > 0) text += `\x10${varintLatin1(contiguousSeq)}`;
  if (receivedUnixMs > 0) text += `\x18${varintLatin1(receivedUnixMs)}`;
  return duplicate ? `${text}\x20\x01` : text;
}

function varintLatin1(value: number): string {
  let text = '';
  let rest = value;
  // Above 2^31 the bit operators would lose what exceeds 32 bits.
  while (rest > 0x7fffffff) {
    text += String.fromCharCode((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  while (rest > 0x7f) {
    text += String.fromCharCode((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return text + String.fromCharCode(rest);
}

/** @returns the Ack's protobuf bytes. */
export function encodeAck(ack: Ack): Uint8Array {
  return Buffer.from(ackLatin1(ack.contiguousSeq, ack.receivedUnixMs, ack.durable, ack.duplicate), 'latin1');
}

/** @returns the protobuf bytes of a no, each as one latin-1 character, canonical (defaults left out). */
export function refusalLatin1({ retryClass, message, retryAfterMs, limit }: Refusal): string {
  let text = retryClass === 'unspecified' ? '' : `\x58${varintLatin1(RETRY_CLASSES.indexOf(retryClass))}`;
  if (message !== '') text += `\x62${textLatin1(message)}`;
  if (retryAfterMs > 0) text += `\x68${varintLatin1(retryAfterMs)}`;
  return limit === '' ? text : `${text}\x72${textLatin1(limit)}`;
}

function textLatin1(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  return varintLatin1(bytes.length) + bytes.toString('latin1');
}

/**
 * Decodes the no of a collector; what it does not know is skipped, a class it does not know is `unspecified`.
 * @throws Error when the bytes are no such message.
 */
export function decodeRefusal(bytes: Uint8Array): Refusal {
  const { retryClass, message, retryAfterMs, limit } = decodeMessage(bytes);
  const afterMs = Math.min(numberOf(retryAfterMs), Number.MAX_SAFE_INTEGER);
  return { retryClass: RETRY_CLASSES[retryClass] ?? 'unspecified', message, retryAfterMs: afterMs, limit };
}

/**
 * Decodes what a collector answered. A stage this version does not know includes `journal` and is read as that; no
 * stage at all is read as `memory`, the weakest claim. Fields it does not know are skipped.
 * @throws Error when the bytes are no Ack, or a number in them exceeds 2^53 - 1.
 */
export function decodeAck(bytes: Uint8Array): Ack {
  const ack = decodeMessage(bytes);
  return {
    durable: ack.durable >= DURABLE_JOURNAL ? 'journal' : 'memory',
    contiguousSeq: safeInteger('contiguous_seq', ack.contiguousSeq),
    receivedUnixMs: safeInteger('received_unix_ms', ack.receivedUnixMs),
    duplicate: ack.duplicate,
  };
}

function decodeMessage(bytes: Uint8Array): metricstream.Ack {
  try {
    return metricstream.Ack.decode(bytes);
  } catch (cause) {
    throw new Error(`the collector's answer of ${bytes.length} bytes is no Ack: ${String(cause)}`, { cause });
  }
}

function safeInteger(name: string, bits: { low: number; high: number }): number {
  const value = numberOf(bits);
  if (value > Number.MAX_SAFE_INTEGER) throw new Error(`Ack.${name} is ${value}; expected less than 2^53`);
  return value;
}

function numberOf(bits: { low: number; high: number }): number {
  return (bits.high >>> 0) * 2 ** 32 + (bits.low >>> 0);
}
