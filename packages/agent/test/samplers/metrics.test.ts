/** The table of metrics and the series made from it. */
import { expect, test } from 'vitest';
import { METRICS, metricRows } from '../../src/samplers/metrics.ts';
import { LABEL_SETS_MAX, LABEL_VALUE_CHARS_MAX, cleanLabelValue, createSeriesOf } from '../../src/samplers/series.ts';

test('label keys are sorted, names are lower case, and every row says what it means', () => {
  for (const { name, labels, definition } of metricRows()) {
    expect(name).toMatch(/^[a-z]+\.[a-z][a-z0-9_]*$/);
    expect(labels).toEqual([...labels].sort());
    expect(definition.help).not.toBe('');
    expect(['percent', 'bytes', 'count', 'ms', 'seconds', 'Mbit/s']).toContain(definition.unit);
  }
  const shares = metricRows().filter(({ definition }) => definition.unit === 'percent');
  expect(new Set(shares.map(({ definition }) => definition.kind))).toEqual(new Set(['float']));
});

test('the fields the dashboards for Telegraf need are there, with its types', () => {
  const rows = new Map(metricRows().map(({ name, definition }) => [name, definition.kind]));
  const check = (measurement: string, kind: string, fields: string): void => {
    for (const field of fields.split(' '))
      expect([`${measurement}.${field}`, rows.get(`${measurement}.${field}`)]).toEqual([
        `${measurement}.${field}`,
        kind,
      ]);
  };
  check('cpu', 'float', 'usage_user usage_system usage_idle usage_iowait usage_nice usage_guest usage_guest_nice');
  check('cpu', 'float', 'usage_irq usage_softirq usage_steal');
  check('mem', 'integer', 'total used available free cached buffered');
  check('mem', 'float', 'used_percent available_percent');
  check('swap', 'integer', 'total used free in out');
  check('disk', 'integer', 'total free used inodes_total inodes_used inodes_free');
  check('disk', 'float', 'used_percent inodes_used_percent');
  check('diskio', 'integer', 'reads writes read_bytes write_bytes read_time write_time io_time iops_in_progress');
  check('net', 'integer', 'bytes_recv bytes_sent packets_recv packets_sent err_in err_out drop_in drop_out speed');
  check('system', 'float', 'load1 load5 load15');
  check('system', 'integer', 'n_cpus uptime');
  check(
    'processes',
    'integer',
    'running blocked sleeping idle stopped zombies dead paging unknown total total_threads',
  );
});

test('the same labels give the very same series, and a series carries the table', () => {
  const seriesOf = createSeriesOf('disk');
  const series = seriesOf('vda', 'ext4', 'rw', '/');
  expect(seriesOf('vda', 'ext4', 'rw', '/')).toBe(series);
  expect(series.used_percent).toEqual({
    name: 'disk.used_percent',
    unit: 'percent',
    kind: 'float',
    labels: [
      ['device', 'vda'],
      ['fstype', 'ext4'],
      ['mode', 'rw'],
      ['path', '/'],
    ],
  });
  expect(Object.keys(series)).toEqual(Object.keys(METRICS.disk.fields));
});

test('the cache is bounded: the oldest label set makes room', () => {
  const seriesOf = createSeriesOf('net');
  const first = seriesOf('veth0');
  for (let index = 1; index < LABEL_SETS_MAX; index++) seriesOf(`veth${index}`);
  expect(seriesOf('veth0')).toBe(first);
  seriesOf('one more');
  expect(seriesOf('veth0')).not.toBe(first);
});

test('label values are printable and short', () => {
  expect(cleanLabelValue('a\nb\u0000c\u007f')).toBe('a?b?c?');
  expect(cleanLabelValue('x'.repeat(5000))).toHaveLength(LABEL_VALUE_CHARS_MAX);
  expect(cleanLabelValue('/mnt/größe')).toBe('/mnt/größe');
});
