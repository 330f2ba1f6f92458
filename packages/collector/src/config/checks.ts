/** What the collector's options say about each other: sizes that must fit, times that should, who can reach what. Pure. */
import { isLoopback } from '@metricstream/shared/config/listen.ts';
import type { CrossFault } from '@metricstream/shared/config/load.ts';
import { formatBytes } from '@metricstream/shared/units.ts';
import type { CollectorFile } from '../config.ts';
import { checkFrontDoor } from './front-door.ts';
import { checkInfluxdb } from './influxdb.ts';
import { checkKafka } from './kafka.ts';

/** What a record adds to its batch at most: head, the longest client id, padding (journal/record.ts). */
const RECORD_OVERHEAD_BYTES = 64 + 128 + 8;
/** So that one large record cannot stop a worker: a ring is at least 4× the largest record. */
const RECORDS_PER_RING_MIN = 4;
/** Retention goes by whole segments; fewer would make it jump. */
const SEGMENTS_PER_JOURNAL_MIN = 4;

export function check(file: CollectorFile): CrossFault[] {
  const { kafka, influxdb } = file.sinks;
  return [
    ...checkSizes(file),
    ...checkFrontDoor(file),
    ...checkReach(file),
    ...(kafka === undefined ? [] : checkKafka(kafka, ['sinks', 'kafka'])),
    ...(influxdb === undefined ? [] : checkInfluxdb(influxdb, ['sinks', 'influxdb'])),
  ];
}

function checkSizes({ journal, limits }: CollectorFile): CrossFault[] {
  const found: CrossFault[] = [];
  const recordBytes = limits.decompressed + RECORD_OVERHEAD_BYTES;
  const ringBytesMin = 2 ** Math.ceil(Math.log2(RECORDS_PER_RING_MIN * recordBytes));
  if (journal.ring < ringBytesMin) {
    found.push({
      path: ['journal', 'ring'],
      others: [['limits', 'decompressed']],
      what: `${formatBytes(journal.ring)} is too small for batches of ${formatBytes(limits.decompressed)} (limits.decompressed)`,
      expected: `at least ${formatBytes(ringBytesMin)}, or a smaller limits.decompressed`,
    });
  } else if (!Number.isInteger(Math.log2(journal.ring))) {
    found.push({
      path: ['journal', 'ring'],
      what: `${formatBytes(journal.ring)} is not a power of two`,
      expected: `${formatBytes(2 ** Math.floor(Math.log2(journal.ring)))} or ${formatBytes(2 ** Math.ceil(Math.log2(journal.ring)))}`,
    });
  }
  if (limits.body > limits.decompressed)
    found.push({
      path: ['limits', 'body'],
      others: [['limits', 'decompressed']],
      what: `${formatBytes(limits.body)} is more than limits.decompressed, ${formatBytes(limits.decompressed)}`,
      expected: 'at most that: a body can also come uncompressed',
    });
  if (journal.segment < recordBytes)
    found.push({
      path: ['journal', 'segment'],
      others: [['limits', 'decompressed']],
      what: `${formatBytes(journal.segment)} does not hold a batch of ${formatBytes(limits.decompressed)} (limits.decompressed)`,
      expected: 'more than limits.decompressed',
    });
  if (journal.max_bytes < SEGMENTS_PER_JOURNAL_MIN * journal.segment)
    found.push({
      path: ['journal', 'max_bytes'],
      others: [['journal', 'segment']],
      what: `${formatBytes(journal.max_bytes)} is less than ${SEGMENTS_PER_JOURNAL_MIN} segments of ${formatBytes(journal.segment)}`,
      expected: `at least ${formatBytes(SEGMENTS_PER_JOURNAL_MIN * journal.segment)}, or a smaller journal.segment`,
    });
  return found;
}

function checkReach({ listen: ingest, admin }: CollectorFile): CrossFault[] {
  const found: CrossFault[] = [];
  if (ingest.port !== 0 && ingest.port === admin.listen.port)
    found.push({
      path: ['admin', 'listen'],
      others: [['listen']],
      what: `has the port of listen, ${ingest.port}`,
      expected: 'another port',
    });
  if (!isLoopback(admin.listen.host))
    found.push({
      path: ['admin', 'listen'],
      level: 'warning',
      what: `${admin.listen.host} can be reached from other machines, and whoever reaches it may read its figures`,
    });
  return found;
}
