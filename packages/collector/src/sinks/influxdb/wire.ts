/**
 * What the client library does not carry: bodies as the bytes they are, and a bound for answers. Owns node's `request` as
 * the library calls it; what belongs to an exchange is found by its signal, which the library does carry.
 */
import type * as http from 'node:http';
import { MetricStreamError } from '@metricstream/shared/errors.ts';

/** Of an answer. A year of minutes of one series is 20 MB. */
export const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

interface Wire {
  body: Uint8Array;
  /** The answer was cut off because it was too long. */
  tooLong: boolean;
}

const NO_BYTES = new Uint8Array(0);
const wires = new WeakMap<AbortSignal, Wire>();

/** Every exchange begins with it. */
export function openWire(signal: AbortSignal): Readonly<Wire> {
  const wire = { body: NO_BYTES, tooLong: false };
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
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= ANSWER_BYTES_MAX) return;
        wire.tooLong = true;
        response.destroy();
      });
      answered(response);
    });
    if (body.length > 0) sent.write(body);
    return sent;
  };
}

/** The library has counted its own text, of which there is none. */
function withLength(options: http.RequestOptions, { length }: Uint8Array): http.RequestOptions {
  if (length === 0) return options;
  return { ...options, headers: { ...(options.headers as http.OutgoingHttpHeaders), 'content-length': length } };
}
