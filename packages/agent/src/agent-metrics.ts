/**
 * The agent's figures for `/metrics`. Owns their names. Loaded at the first scrape only: the exposition library costs
 * memory that an agent nobody scrapes need not hold.
 */
import { type CounterMetric, createMetrics, type GaugeMetric, type Metrics } from '@metricstream/shared/metrics.ts';
import type { StatusParts } from './status.ts';
import { AGENT_VERSION } from './version.ts';

export interface AgentFigures extends StatusParts {
  ticksMissed: number;
}

/** @param figures asked at each scrape. */
export function createAgentMetrics(figures: () => AgentFigures): Metrics {
  const metrics = createMetrics({ part: 'agent', version: AGENT_VERSION });
  const counter = (name: string, help: string, ...labels: string[]): CounterMetric =>
    metrics.counter({ name, help, labels });
  const gauge = (name: string, help: string, ...labels: string[]): GaugeMetric => metrics.gauge({ name, help, labels });
  const sampled = counter('points_sampled_total', 'Points sampled in this run.');
  const sent = counter('points_sent_total', 'Points of batches whose sending has begun.');
  const acked = counter('points_acked_total', 'Points of batches that a collector made durable.');
  const dropped = counter('points_dropped_total', 'Points lost on purpose.', 'reason');
  const batches = counter('batches_acked_total', 'Batches that a collector made durable.');
  const requests = counter('requests_total', 'Requests to the collector, repeated ones too.');
  const refused = counter('requests_refused_total', 'Requests answered 429 or 503.');
  const sentBytes = counter('sent_bytes_total', 'Bytes of request bodies, as sent.');
  const missed = counter('ticks_missed_total', 'Sampling ticks that were skipped.');
  const failures = counter('sampler_failures_total', 'Times a sampler gave nothing or not all.', 'sampler', 'reason');
  const samplerSeconds = counter('sampler_seconds_total', 'Time spent sampling.', 'sampler');
  const inSpool = gauge('spool_points', 'Points unacked in the spool.');
  const spoolBytes = gauge('spool_bytes', 'Bytes unacked in the spool.');
  const oldest = gauge('spool_oldest_seconds', 'Age of the oldest unacked batch.');
  const runway = gauge('spool_runway_seconds', 'Time until points would be lost without a collector.');
  const latency = gauge('ack_seconds', 'Time to a 2xx, this run.', 'quantile');
  const skew = gauge('clock_skew_seconds', "The collector's clock minus this host's.");
  metrics.onCollect(() => {
    const now = figures();
    sampled.setTotal(now.pointsSampled);
    sent.setTotal(now.uplink.pointsSent);
    acked.setTotal(now.spool.pointsAcked);
    for (const [reason, points] of Object.entries(now.dropped)) dropped.setTotal(points, { reason });
    batches.setTotal(now.spool.batchesAcked);
    requests.setTotal(now.uplink.requests);
    refused.setTotal(now.uplink.refused);
    sentBytes.setTotal(now.uplink.bytesSent);
    missed.setTotal(now.ticksMissed);
    for (const { sampler, failures: met, totalDurationMs } of now.samplers) {
      samplerSeconds.setTotal(totalDurationMs / 1000, { sampler });
      for (const [reason, count] of Object.entries(met)) failures.setTotal(count, { sampler, reason });
    }
    inSpool.set(now.spool.points);
    spoolBytes.set(now.spool.bytes);
    oldest.set(now.spool.oldestAgeMs / 1000);
    runway.set(now.spool.runwaySeconds);
    for (const quantile of [0.5, 0.99]) latency.set(now.ackMs(quantile * 100) / 1000, { quantile });
    skew.set(now.uplink.clockSkewMs / 1000);
  });
  return metrics;
}
