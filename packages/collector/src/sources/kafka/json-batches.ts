/**
 * Points that came as JSON, one message each, put together again into batches, so that every sink takes them. Owns the
 * grouping: messages that follow each other and are of one triple and one resource become one batch. Promises that the
 * walker has the last word on what is made here, that a point it refuses takes no other with it, and that what is
 * remembered of series is bounded in bytes.
 *
 * The messages of a batch may be parted by the end of a stretch: then they become two batches of the same triple.
 */
import { crc32 } from 'node:zlib';
import type { Walker } from '@metricstream/proto/walk.ts';
import { Lane, RecordKind } from '@metricstream/shared/journal/record.ts';
import { createPointMatrix, type PointMatrix } from '../../points/point-matrix.ts';
import { unixNanoOf } from '../../points/time.ts';
import { encodeWalked } from '../../points/walked.ts';
import { createLineReader, type FileSeries } from '../../sinks/jsonl/read-line.ts';
import type { ConsumedMessage } from './consumer.ts';
import { countOf, foreignIdentity, type KafkaRecord, type Stretch } from './messages.ts';

/** Of one message; ours have at most 64 KiB, whatever a client sends. */
const MESSAGE_BYTES_MAX = 256 * 1024;
/** Text of messages from which a series was learnt, before the learning begins anew. */
const LEARNT_BYTES_MAX = 32 * 1024 * 1024;
/** Whom a line without a client_id would be taken to be from: nobody. */
const NOBODY = '';

export interface JsonBatches {
  /** Takes the next message; a finished batch, or poison, goes to the stretch. */
  add(message: ConsumedMessage, partition: number, stretch: Stretch): void;
  /** Finishes what is open. */
  flush(partition: number, stretch: Stretch): void;
}

interface Point {
  message: ConsumedMessage;
  series: FileSeries;
  timeUnixNano: bigint;
  value: number;
}

interface Group {
  epoch: number;
  seq: number;
  clientId: string;
  resource: string;
  points: Point[];
  matrix: PointMatrix<FileSeries, bigint>;
}

export function createJsonBatches(walk: Walker): JsonBatches {
  const read = createBoundedReader();
  let open: Group | undefined;

  function finish(group: Group, partition: number, stretch: Stretch): void {
    const encode = (points: readonly Point[]): Uint8Array =>
      encodeMatrix(group, points.length === group.points.length ? group.matrix : matrixOf(points));
    encodeWalked(group.points, encode, walk, {
      batch: (body, messages, points) => stretch.records.push(recordOf(group, { body, points, partition, messages })),
      refused: ({ message }, reason) => stretch.poison.push({ message, why: `no point of a batch: ${reason}` }),
    });
  }

  const batches: JsonBatches = {
    add(message, partition, stretch) {
      const point = read(message);
      if ('why' in point) {
        stretch.poison.push({ message, why: point.why });
        return;
      }
      if (open !== undefined && !fits(open, point)) batches.flush(partition, stretch);
      const { epoch, seq, series, resource } = point;
      open ??= {
        epoch,
        seq,
        clientId: series.clientId,
        resource,
        points: [],
        matrix: createPointMatrix(),
      };
      open.matrix.add(series, point.timeUnixNano, point.value);
      open.points.push({ message, series, timeUnixNano: point.timeUnixNano, value: point.value });
    },
    flush(partition, stretch) {
      const group = open;
      open = undefined;
      if (group !== undefined) finish(group, partition, stretch);
    },
  };
  return batches;
}

interface ReadPoint extends Omit<Point, 'message'> {
  epoch: number;
  seq: number;
  /** The series' resource as text, to compare. */
  resource: string;
}

/** Reads single messages, and forgets the series it knows when their text has become too much. */
function createBoundedReader(): (message: ConsumedMessage) => ReadPoint | { why: string } {
  let lines = createLineReader(NOBODY);
  let resources = new WeakMap<FileSeries, string>();
  let learntBytes = 0;

  function resourceOf(series: FileSeries, textBytes: number): string {
    let text = resources.get(series);
    if (text === undefined) {
      text = JSON.stringify(series.resource);
      resources.set(series, text);
      learntBytes += textBytes;
    }
    return text;
  }

  return (message) => {
    const { value, headers } = message;
    const bytes = value?.length ?? 0;
    if (value === undefined || bytes > MESSAGE_BYTES_MAX)
      return { why: `JSON of ${bytes} bytes, expected one point in at most ${MESSAGE_BYTES_MAX}` };
    if (learntBytes > LEARNT_BYTES_MAX) {
      lines = createLineReader(NOBODY);
      resources = new WeakMap();
      learntBytes = 0;
    }
    const point = lines.read(value.toString('utf8'));
    if ('why' in point) return { why: `the JSON ${point.why}` };
    const { series } = point;
    const epoch = point.epoch || (countOf(headers['epoch']) ?? 0);
    const seq = point.seq || (countOf(headers['seq']) ?? 0);
    const why = foreignIdentity(message, { clientId: series.clientId, epoch, seq });
    if (why !== undefined) return { why };
    return {
      series,
      timeUnixNano: unixNanoOf(point),
      value: point.value,
      epoch,
      seq,
      resource: resourceOf(series, bytes),
    };
  };
}

function fits(group: Group, point: ReadPoint): boolean {
  return (
    group.epoch === point.epoch &&
    group.seq === point.seq &&
    group.clientId === point.series.clientId &&
    group.resource === point.resource &&
    group.matrix.fits(point.series, point.timeUnixNano)
  );
}

function matrixOf(points: readonly Point[]): Group['matrix'] {
  const matrix: Group['matrix'] = createPointMatrix();
  for (const { series, timeUnixNano, value } of points) matrix.add(series, timeUnixNano, value);
  return matrix;
}

function encodeMatrix({ clientId, epoch, seq, points }: Group, matrix: Group['matrix']): Uint8Array {
  return matrix.encode({
    clientId,
    epoch,
    seq,
    agentVersion: '',
    resource: points[0]?.series.resource ?? [],
    seriesOf: ({ name, unit, labels }) => ({ name, unit, labels, kind: 'float' }),
    unixNanoOf: (time) => time,
  });
}

interface Made {
  body: Uint8Array;
  points: number;
  partition: number;
  messages: readonly Pick<Point, 'message'>[];
}

function recordOf({ clientId, epoch, seq }: Group, { body, points, partition, messages }: Made): KafkaRecord {
  const made = messages.map(({ message }) => message);
  return {
    kind: RecordKind.batch,
    lane: Lane.live,
    clientId,
    points,
    epoch,
    seq,
    oldestSeq: 0,
    receivedUnixMs: made[0]?.timestampMs ?? 0,
    bodyCrc: crc32(body),
    body,
    origin: { partition, messages: made },
  };
}
