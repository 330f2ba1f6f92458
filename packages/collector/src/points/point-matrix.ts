/**
 * Single points put together again into one batch's matrix, whoever brought them as lines. Owns the rows, the columns and
 * the bounds of one matrix, and promises that no point is encoded that was not added, and that a matrix of points spread
 * thin over many series and times does not become much larger than its points.
 */
import type { Batch, Series } from '@metricstream/proto/batch.ts';
import { encodeBatch, SCHEMA_VERSION } from '@metricstream/proto/encode.ts';
import { DEFAULT_WIRE_LIMITS } from '@metricstream/proto/limits.ts';

/** An agent's batch has fewer. */
const POINTS_MAX = 10_000;
/** Empty ones included. */
const CELLS_MAX = 65_536;
const COLUMNS_MAX = DEFAULT_WIRE_LIMITS.sweepsMax;
/** Of a matrix that is to be dense: an empty cell is 8 bytes in the journal. */
const CELLS_PER_POINT_MAX = 16;
const CELLS_FREE = 1024;

/** Rows and times are whatever the caller tells them apart by. */
export interface PointMatrix<Row, Time> {
  /** Points in it. */
  size(): number;
  /** Whether the point may come in without breaking a bound. */
  fits(row: Row, time: Time): boolean;
  /** Of two points of one row and time the later one stays. */
  add(row: Row, time: Time, value: number): void;
  /** Rows and columns stand in the order of their first point. */
  encode(of: MatrixBatch<Row, Time>): Uint8Array;
}

export interface MatrixBatch<Row, Time> extends Pick<Batch, 'clientId' | 'epoch' | 'seq' | 'resource'> {
  /** '' where no program of ours made the points. */
  readonly agentVersion: string;
  seriesOf(row: Row): Series;
  unixNanoOf(time: Time): bigint;
}

export interface MatrixOptions {
  /** Nothing fits that would replace a point, or spread the points thinner than this. */
  readonly strict: boolean;
}

export function createPointMatrix<Row, Time>({ strict }: MatrixOptions = { strict: false }): PointMatrix<Row, Time> {
  const rows = new Map<Row, number>();
  const columns = new Map<Time, number>();
  /** Values by row × POINTS_MAX + column: no matrix has more columns than points. */
  const cells = new Map<number, number>();

  return {
    size: () => cells.size,
    fits(row, time) {
      const rowAt = rows.get(row);
      const columnAt = columns.get(time);
      const columnsThen = columns.size + (columnAt === undefined ? 1 : 0);
      const cellsThen = (rows.size + (rowAt === undefined ? 1 : 0)) * columnsThen;
      if (cells.size >= POINTS_MAX || columnsThen > COLUMNS_MAX || cellsThen > CELLS_MAX) return false;
      if (!strict) return true;
      if (rowAt !== undefined && columnAt !== undefined) return !cells.has(rowAt * POINTS_MAX + columnAt);
      return cellsThen <= Math.max(CELLS_FREE, cells.size * CELLS_PER_POINT_MAX);
    },
    add(row, time, value) {
      let rowAt = rows.get(row);
      if (rowAt === undefined) rows.set(row, (rowAt = rows.size));
      let columnAt = columns.get(time);
      if (columnAt === undefined) columns.set(time, (columnAt = columns.size));
      cells.set(rowAt * POINTS_MAX + columnAt, value);
    },
    encode({ clientId, epoch, seq, resource, agentVersion, seriesOf, unixNanoOf }) {
      const values = new Float64Array(rows.size * columns.size).fill(Number.NaN);
      for (const [cell, value] of cells) {
        const column = cell % POINTS_MAX;
        values[((cell - column) / POINTS_MAX) * columns.size + column] = value;
      }
      return encodeBatch({
        clientId,
        epoch,
        seq,
        schemaVersion: SCHEMA_VERSION,
        agentVersion,
        configHash: 0n,
        pointsSampledTotal: 0,
        droppedTotal: [],
        resource,
        series: [...rows.keys()].map(seriesOf),
        timesUnixNano: [...columns.keys()].map(unixNanoOf),
        values,
      });
    },
  };
}
