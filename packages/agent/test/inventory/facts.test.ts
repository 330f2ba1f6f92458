/** The labels of host.info: few, short, printable, whatever a machine's tables hold. */
import { expect, test } from 'vitest';
import { LABEL_BYTES_MAX, cleanText, factLabels, hostInfoSeries } from '../../src/inventory/facts.ts';

const FACTS = {
  platform: 'linux',
  distro: 'Debian GNU/Linux',
  release: '12',
  kernel: '6.18.44',
  arch: 'x64',
  cpuModel: 'Intel  Xeon®\tProcessor\n',
  cores: 8,
  physicalCores: 4,
  manufacturer: '',
  model: '-',
  virtual: true,
  virtualHost: 'KVM',
  memoryBytes: 25_276_510_208,
  disks: [
    { name: 'vda', bytes: 274_877_906_944, kind: 'HDD' },
    { name: 'vdb', bytes: 1024, kind: '' },
  ],
};

test('facts become sorted labels, and what the host does not tell is left out', () => {
  expect(factLabels(FACTS)).toEqual([
    ['arch', 'x64'],
    ['cpu_cores', '8'],
    ['cpu_model', 'Intel Xeon® Processor'],
    ['cpu_physical_cores', '4'],
    ['disk_bytes', '274877907968'],
    ['disks', 'vda:274877906944:HDD vdb:1024'],
    ['kernel', '6.18.44'],
    ['memory_bytes', '25276510208'],
    ['os', 'Debian GNU/Linux'],
    ['os_version', '12'],
    ['platform', 'linux'],
    ['virtual', 'true'],
    ['virtual_host', 'KVM'],
  ]);
});

test('facts of another type, and broken ones, are left out', () => {
  const odd = { cores: '8', arch: 5, distro: null, kernel: {}, memoryBytes: Number.NaN, virtual: 'yes', disks: 'vda' };
  expect(factLabels(odd)).toEqual([
    ['arch', '5'],
    ['cpu_cores', '8'],
  ]);
  const disks = [null, 5, { name: 'a' }, { name: 'b', bytes: -1 }, { name: 'c', bytes: 1, kind: 7 }];
  expect(factLabels({ disks })).toEqual([
    ['disk_bytes', '1'],
    ['disks', 'c:1'],
  ]);
  expect(factLabels({})).toEqual([]);
});

test('the point has at most sixteen labels of at most 128 bytes, however much a machine says', () => {
  const long = 'ü'.repeat(5000);
  const disks = Array.from({ length: 500 }, (_, index) => ({ name: `disk${index}`, bytes: 1, kind: 'SSD' }));
  const labels = factLabels({ ...FACTS, distro: long, manufacturer: long, model: long, disks });
  expect(labels.length).toBeLessThanOrEqual(16);
  for (const [, value] of labels) expect(Buffer.byteLength(value)).toBeLessThanOrEqual(LABEL_BYTES_MAX);
  expect(labels.find(([key]) => key === 'os')?.[1]).toBe('ü'.repeat(64));
});

test('texts are cut at whole characters and have no control characters', () => {
  expect(cleanText('a\u0000b\u001b[31m\r\nc', 100)).toBe('a b [31m c');
  expect(cleanText('€€€', 8)).toBe('€€');
  expect(cleanText('  ', 8)).toBe('');
});

test('the series is host.info, a count of one', () => {
  expect(hostInfoSeries([['arch', 'x64']])).toEqual({
    name: 'host.info',
    unit: 'count',
    kind: 'integer',
    labels: [['arch', 'x64']],
  });
});
