/** What a configuration says of InfluxDB, in the program's names. Owns these types only. */

export const SCHEMAS = ['seed', 'telegraf', 'both'] as const;
export type Schema = (typeof SCHEMAS)[number];

/** Where points go. 1.x knows databases and retention policies, 2.x organisations and buckets. */
export type InfluxdbTarget =
  | {
      readonly version: 1;
      readonly database: string;
      /** Of the points as sampled, and of their means per minute. */
      readonly retentionPolicy: string;
      readonly rollupRetentionPolicy: string;
      /** Empty: none is sent. */
      readonly username: string;
      readonly password: string;
    }
  | {
      readonly version: 2;
      readonly org: string;
      /** Of the points as sampled, and of their means per minute. */
      readonly bucket: string;
      readonly rollupBucket: string;
      readonly token: string;
    };

export interface InfluxdbSettings {
  /** Without a final slash. */
  readonly url: string;
  readonly target: InfluxdbTarget;
  readonly schema: Schema;
  readonly compression: 'none' | 'gzip';
  /** For one request, from its start to the end of the answer. */
  readonly timeoutMs: number;
  /** What `setup influxdb` makes: how long points and means are kept. */
  readonly keepMs: number;
  readonly rollupKeepMs: number;
  /** A point older than this when it is written has missed its mean: the sink computes that minute again. */
  readonly lateMs: number;
}
