/**
 * POST /v1/jsonl: points as lines, for curl and scripts. Owns what such a request must say, the batches its lines become
 * and what is answered. The batches are the collector's own, under a client_id made of the token's or certificate's name:
 * from there on they are like any other.
 */
import type { Series } from '@metricstream/proto/batch.ts';
import type { Walker } from '@metricstream/proto/walk.ts';
import { Lane, recordLength } from '@metricstream/shared/journal/record.ts';
import { formatCount } from '@metricstream/shared/units.ts';
import { withBody } from '../http/responses.ts';
import type { Answer, Exchange } from '../http/types.ts';
import { ownClientId } from '../own-clients.ts';
import { createPointMatrix } from '../points/point-matrix.ts';
import { encodeWalked } from '../points/walked.ts';
import type { RingVerdict } from '../rings/ring-layout.ts';
import type { RingWriter } from '../rings/ring-writer.ts';
import { type DecompressionLimits, parseContentEncoding } from './decompress.ts';
import {
  type BodyFault,
  GROUPS_MAX,
  type LineGroup,
  type LinePoint,
  LINES_MAX,
  type ReadLines,
  readLines,
  tellError,
} from './jsonl-lines.ts';
import type { OwnSeq } from './own-seqs.ts';
import type { Particulars } from './refusals.ts';
import { formOf } from './refusals.ts';
import { type BatchRequest, doubt, isFromWebPage, type RequestDoubt } from './request.ts';

export const JSONL_PATH = '/v1/jsonl';
/** Of a body, decompressed: while a worker reads it, nobody else is served. */
const JSONL_BYTES_MAX = 512 * 1024;
/** A byte of lines costs the time of some ten of a batch; so much of it is charged to the client's limit of bytes. */
export const WORK_PER_BYTE = 8;
/** What each batch of a body but the first is charged as: to make and store one costs the time of so many bytes. */
export const WORK_BYTES_PER_BATCH = 16 * 1024;

export function linesLimits(limits: DecompressionLimits): DecompressionLimits {
  return limits.bytesMax <= JSONL_BYTES_MAX ? limits : { ...limits, bytesMax: JSONL_BYTES_MAX, bytesName: 'lines' };
}

/** The last is what curl says unasked. */
const CONTENT_TYPE =
  /^(?:application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines|json|x-www-form-urlencoded)|text\/plain)?\s*(?:;|$)/i;

/** @param name of the token or certificate; '' where nobody is asked. */
export function parseJsonlRequest(exchange: Exchange, name: string): BatchRequest | RequestDoubt {
  if (exchange.method !== 'POST') return doubt('method_not_allowed');
  if (isFromWebPage(exchange)) return doubt('forbidden', 'lines are not taken from web pages (Origin)');
  if (!CONTENT_TYPE.test(exchange.header('content-type'))) return doubt('content_type', CONTENT_TYPES);
  const encoding = parseContentEncoding(exchange.header('content-encoding'));
  if (!encoding) return doubt('content_encoding');
  return {
    kind: 'lines',
    clientId: ownClientId(name),
    slot: -1,
    encoding,
    lane: Lane.live,
    oldestSeq: 0,
    form: formOf(exchange.header('accept')),
    bytesCharged: 0,
    headMs: 0,
    bodyMs: 0,
    points: 0,
  };
}

const CONTENT_TYPES = 'Content-Type must be application/x-ndjson, application/jsonl, application/json or text/plain';

/** A batch made of lines, as the ring takes it. */
export interface LineBatch {
  readonly body: Uint8Array;
  readonly seq: number;
  readonly points: number;
}

export interface LineBatches extends Pick<ReadLines, 'rejected' | 'errors'> {
  readonly batches: readonly LineBatch[];
  accepted: number;
}

/** Lines whose batches have not all got their verdict yet. */
export interface HeldLines {
  readonly made: LineBatches;
  readonly seq: OwnSeq;
  left: number;
  /** Of the batches so far: durable, or that of the last one that is not. */
  fate: RingVerdict;
}

export interface LineSource {
  readonly clientId: string;
  /** Its next seqs are those of the batches, in their order; they are given when the ring has them. */
  readonly seq: OwnSeq;
  readonly receivedUnixMs: number;
}

/** @returns the batches of a body's lines, or why nothing of it is taken. */
export function batchesOf(body: Uint8Array, source: LineSource, walk: Walker): LineBatches | RequestDoubt {
  const read = readLines(body, source.receivedUnixMs);
  if (typeof read === 'string') return { reason: 'too_large', particulars: TOO_MANY[read] };
  const batches: LineBatch[] = [];
  const made: LineBatches = { batches, accepted: 0, rejected: read.rejected, errors: read.errors };
  for (const group of read.groups) {
    const encode = (points: readonly LinePoint[]): Uint8Array =>
      encodeGroup(group, points, { ...source, at: source.seq.next + batches.length });
    encodeWalked(group.points, encode, walk, {
      batch(encoded, points, count) {
        // A walker's result is of its last walk: what is kept is a number.
        batches.push({ body: encoded, seq: source.seq.next + batches.length, points: count });
        made.accepted += points.length;
      },
      refused: ({ line }, reason) => tellError(made, { line, reason }),
    });
  }
  if (batches.length === 0 && made.rejected === 0) return doubt('unparsable', 'there is no line in the body');
  return made;
}

const TOO_MANY: Record<BodyFault, Particulars> = {
  lines: {
    instead: `a request may have ${formatCount(LINES_MAX)} lines; send fewer at a time`,
    limit: `lines: ${LINES_MAX}`,
  },
  groups: {
    instead: `the lines would be more than ${formatCount(GROUPS_MAX)} batches: one for each host and datacenter, and another when a series has the same time again; send fewer at a time`,
    limit: `batches: ${GROUPS_MAX}`,
  },
};

export const TOO_MANY_FOR_RING: Particulars = {
  instead: 'the lines take more than half of journal.ring; send fewer at a time',
  limit: 'journal.ring / 2',
};

/** @returns `now` when all the batches surely fit into the ring, `never` when they would not even into an empty one. */
export function roomFor(
  ring: Pick<RingWriter, 'bytes' | 'usedBytes'>,
  clientId: string,
  batches: readonly LineBatch[],
): 'now' | 'later' | 'never' {
  let bytes = 0;
  let largestBytes = 0;
  for (const { body } of batches) {
    const frameBytes = recordLength(clientId.length, body.length);
    bytes += frameBytes;
    largestBytes = Math.max(largestBytes, frameBytes);
  }
  // A frame that does not fit before the ring's end leaves less than its own length unused there, once.
  const needed = bytes + largestBytes;
  if (needed > ring.bytes.length / 2) return 'never';
  return needed <= ring.bytes.length - ring.usedBytes() ? 'now' : 'later';
}

function encodeGroup(
  group: LineGroup,
  points: readonly LinePoint[],
  { clientId, seq, at }: LineSource & { at: number },
): Uint8Array {
  let { matrix } = group;
  if (points.length < group.points.length) {
    matrix = createPointMatrix<Series, bigint>();
    for (const { series, unixNano, value } of points) matrix.add(series, unixNano, value);
  }
  return matrix.encode({
    clientId,
    epoch: seq.epoch,
    seq: at,
    resource: group.resource,
    agentVersion: '',
    seriesOf: (series) => series,
    unixNanoOf: (time) => time,
  });
}

const TYPE = 'application/json';
const taken = withBody(200, TYPE);
const noneTaken = withBody(422, TYPE);

/** @returns 200 when at least one line was taken, else 422. */
export function linesAnswer({ accepted, rejected, errors }: LineBatches, durable: 'journal' | 'memory'): Answer {
  const told = { accepted, rejected, errors, durable: accepted > 0 ? durable : undefined };
  return (accepted > 0 ? taken : noneTaken)(`${JSON.stringify(told)}\n`);
}
