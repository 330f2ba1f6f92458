/**
 * The yes of an ingest worker. Owns both forms of it: the protobuf Ack our agent reads and the same as JSON for curl.
 */
import { ackLatin1 } from '@metricstream/proto/ack.ts';
import type { Ack } from '@metricstream/proto/batch.ts';
import { withBody } from '../http/responses.ts';
import type { Answer } from '../http/types.ts';

const protobuf = withBody(200, 'application/x-protobuf');
const json = withBody(200, 'application/json');

export function ackAnswer(ack: Ack, wantsJson: boolean): Answer {
  if (!wantsJson) return protobuf(ackLatin1(ack.contiguousSeq, ack.receivedUnixMs, ack.durable, ack.duplicate));
  const { durable, contiguousSeq, receivedUnixMs, duplicate } = ack;
  const body = { durable, contiguous_seq: contiguousSeq, received_unix_ms: receivedUnixMs, duplicate };
  return json(`${JSON.stringify(body)}\n`);
}
