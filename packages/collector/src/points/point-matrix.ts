/**
 * Single points put together again into one batch's matrix, whoever brought them as lines. Owns the rows, the columns and
 * the bounds of one matrix, and promises that no point is encoded that was not added, and that a matrix of points spread
 * thin over many series and times does not become much larger than its points.
 */
import type { Batch, Series } from '@metricstream/proto/batch.ts';
import { encodeBatch, SCHEMA_VERSION } from '@metricstream/proto/encode.ts';

export interface MatrixBounds {
  readonly pointsMax: number;
  /** Empty ones included. */
  readonly cellsMax: number;
}

/** An agent's batch has fewer points. */
export const MATRIX_BOUNDS: MatrixBounds = { pointsMax: 10_000, cellsMax: 65_536 };

/** Rows and times are whatever the caller tells them apart by. */
export interface PointMatrix<Row, Time> {
  /** Points in it. */
  size(): number;
  has(row: Row, time: Time): boolean;
  /** Cells it will have with the point, empty ones included. */
  cellsWith(row: Row, time: Time): number;
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

export function createPointMatrix<Row, Time>(bounds: MatrixBounds = MATRIX_BOUNDS): PointMatrix<Row, Time> {
  const rows = new Map<Row, number>();
  const columns = new Map<Time, number>();
  /** Values by row × pointsMax + column: no matrix has more columns than points. */
  const cells = new Map<number, number>();
  const cellOf = (row: number, column: number): number => row * bounds.pointsMax + column;
  const cellsWith = (row: Row, time: Time): number =>
    (rows.size + (rows.has(row) ? 0 : 1)) * (columns.size + (columns.has(time) ? 0 : 1));

  return {
    size: () => cells.size,
    has(row, time) {
      const rowAt = rows.get(row);
      const columnAt = columns.get(time);
      return rowAt !== undefined && columnAt !== undefined && cells.has(cellOf(rowAt, columnAt));
    },
    cellsWith,
    fits: (row, time) => cells.size < bounds.pointsMax && cellsWith(row, time) <= bounds.cellsMax,
    add(row, time, value) {
      let rowAt = rows.get(row);
      if (rowAt === undefined) rows.set(row, (rowAt = rows.size));
      let columnAt = columns.get(time);
      if (columnAt === undefined) columns.set(time, (columnAt = columns.size));
      cells.set(cellOf(rowAt, columnAt), value);
    },
    encode({ clientId, epoch, seq, resource, agentVersion, seriesOf, unixNanoOf }) {
      const values = new Float64Array(rows.size * columns.size).fill(Number.NaN);
      for (const [cell, value] of cells) {
        const column = cell % bounds.pointsMax;
        values[((cell - column) / bounds.pointsMax) * columns.size + column] = value;
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
