/** What the Kafka sink counts beside what every sink counts. Owns the table. */

export const KAFKA_FIGURES = {} as const satisfies Record<
  string,
  { kind: 'counter' | 'gauge'; help: string; labels?: readonly string[] }
>;
