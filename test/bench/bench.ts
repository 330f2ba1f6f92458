/** What a bench is. Owns the types that every bench file and the command `pnpm bench` share. */

/** One measured figure. `hold` is the figure the product promises; it is printed, never enforced by a test. */
export interface BenchRow {
  what: string;
  value: number;
  unit: string;
  hold?: { op: '<=' | '>='; value: number };
  /** Spread over the rounds, the peer's own figure, or whatever a reader needs to judge it. */
  note?: string;
}

export interface BenchOptions {
  /** Alternating rounds; the figure is the best (least CPU) over them. */
  rounds: number;
  /** Fewer iterations, to see that the bench runs at all; its figures mean nothing. */
  quick: boolean;
  /** One line of progress on stderr. */
  progress: (line: string) => void;
}

export interface Bench {
  name: string;
  /** One sentence: what runs beside what. */
  title: string;
  run(options: BenchOptions): Promise<BenchRow[]>;
}
