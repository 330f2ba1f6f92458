/**
 * What an answer holds: the Ack of a yes, the refusal of a no, else text. Owns telling them apart, and promises that bytes
 * which are neither are never taken for one of them.
 */
import { decodeAck, decodeRefusal } from '@metricstream/proto/ack.ts';
import type { Ack, Refusal } from '@metricstream/proto/batch.ts';
import type { Answer } from './collector-client.ts';
import type { HttpAnswer } from './verdict.ts';

export const PROTOBUF = 'application/x-protobuf';

/** @returns the Ack of a 2xx, or undefined when its body is none: every collector says when it took the batch. */
export function ackOf({ status, body }: Answer): Ack | undefined {
  if (status < 200 || status >= 300) return undefined;
  try {
    const ack = decodeAck(body);
    return ack.receivedUnixMs > 0 ? ack : undefined;
  } catch {
    return undefined;
  }
}

/** @returns what a collector says no with, or undefined when the body is something else. */
function refusalOf({ status, headers, body }: Answer): Refusal | undefined {
  if (status < 300 || headerText(headers['content-type'])?.split(';', 1)[0]?.trim().toLowerCase() !== PROTOBUF)
    return undefined;
  try {
    return decodeRefusal(body);
  } catch {
    return undefined;
  }
}

export function saidBy(answer: Answer, ack: Ack | undefined): HttpAnswer {
  const { status, headers, body } = answer;
  const refusal = refusalOf(answer);
  return {
    status,
    header: (name) => headerText(headers[name]),
    // What is neither text nor a refusal is cleaned where it is shown.
    text: Buffer.from(body).toString('latin1'),
    isAck: ack !== undefined,
    ...(refusal && { refusal }),
  };
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
