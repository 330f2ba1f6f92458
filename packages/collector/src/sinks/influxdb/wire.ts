/**
 * What the client library does not carry: bodies as the bytes they are, and a bound for answers. Owns node's `request` as
 * the library calls it; promises that an answer is what came over the wire, since one that is compressed is not read: a
 * few bytes of it may be as many as one likes. What belongs to an exchange is found by its signal, which the library does
 * carry.
 */
import type * as http from 'node:http';
import { MetricStreamError } from '@metricstream/shared/errors.ts';

/** Of an answer. A year of minutes of one series is 20 MB. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** Words of the refusal of such an answer. */
export const ENCODED = 'answered with a content-encoding that was not asked for:';
const REMEDY = 'let no proxy before it compress';

interface Wire {
  body: Uint8Array;
  /** Why the answer was cut off. */
  refusal?: { code: 'limit' | 'unreachable'; words: string };
}

const NO_BYTES = new Uint8Array(0);
const wires = new WeakMap<AbortSignal, Wire>();

/** Every exchange begins with it. */
export function openWire(signal: AbortSignal): Readonly<Wire> {
  const wire: Wire = { body: NO_BYTES };
  wires.set(signal, wire);
  return wire;
}

/** Sends these bytes instead of the library's text; they must stay as they are until the exchange ends. */
export function carryBody(signal: AbortSignal, body: Uint8Array): void {
  const wire = wires.get(signal);
  if (wire !== undefined) wire.body = body;
}

type Request = (options: http.RequestOptions, answered: (response: http.IncomingMessage) => void) => http.ClientRequest;

/** @returns `request` for the library, which writes the body's bytes and counts the answer's. */
export function carrying(request: Request): Request {
  return (options, answered) => {
    const wire = options.signal && wires.get(options.signal);
    if (wire === undefined) throw new MetricStreamError('bug', 'a request to InfluxDB without its signal');
    const { body } = wire;
    const sent = request(withLength(options, body), (response) => {
      const encoding = encodingOf(response);
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (encoding !== undefined) wire.refusal = { code: 'unreachable', words: `${ENCODED} ${encoding}; ${REMEDY}` };
        else if (bytes > ANSWER_BYTES_MAX)
          wire.refusal = { code: 'limit', words: `answered with more than ${ANSWER_BYTES_MAX} bytes` };
        else return;
        response.destroy();
      });
      answered(response);
    });
    if (body.length > 0) sent.write(body);
    return sent;
  };
}

/** @returns how the answer is encoded, if it is; the library, which would decode it without a bound, is not told. */
function encodingOf({ headers }: http.IncomingMessage): string | undefined {
  const encoding = headers['content-encoding'];
  delete headers['content-encoding'];
  return encoding === undefined || encoding.trim().toLowerCase() === 'identity' ? undefined : encoding.slice(0, 50);
}

/** The library has counted its own text, of which there is none. */
function withLength(options: http.RequestOptions, { length }: Uint8Array): http.RequestOptions {
  if (length === 0) return options;
  return { ...options, headers: { ...(options.headers as http.OutgoingHttpHeaders), 'content-length': length } };
}
