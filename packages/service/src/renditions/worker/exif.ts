import type { ExifFacts, Location } from '../header.ts';
import { type Directory, openTiff } from './tiff.ts';

/** The few EXIF fields that we tell (CIPA DC-008), out of a block that anybody may have written. Never throws. */
export function readExif(block: Buffer): { readonly exif?: ExifFacts; readonly location?: Location } {
  const main = openTiff(block);
  const exif = main && exifFacts(main, main.pointed(TAGS.exif));
  const gps = main?.pointed(TAGS.gps);
  const location = gps && locationFacts(gps);
  return { ...(exif && { exif }), ...(location && { location }) };
}

const TAGS = {
  make: 0x010f,
  model: 0x0110,
  exif: 0x8769,
  gps: 0x8825,
  exposureTime: 0x829a,
  fNumber: 0x829d,
  iso: 0x8827,
  dateTimeOriginal: 0x9003,
  offsetTimeOriginal: 0x9011,
  flash: 0x9209,
  focalLength: 0x920a,
  focalLength35: 0xa405,
  lensModel: 0xa434,
} as const;

/** Tags of the GPS directory, which count on their own. */
const GPS_TAGS = { latitudeRef: 1, latitude: 2, longitudeRef: 3, longitude: 4, altitudeRef: 5, altitude: 6 } as const;

const ALTITUDE_METRES_MAX = 1_000_000;
const ALTITUDE_METRES_MIN = -20_000;

function exifFacts(main: Directory, exif: Directory | undefined): ExifFacts | undefined {
  const flash = exif?.number(TAGS.flash);
  const facts: { [Name in keyof ExifFacts]: ExifFacts[Name] | undefined } = {
    make: main.text(TAGS.make),
    model: main.text(TAGS.model),
    lens: exif?.text(TAGS.lensModel),
    takenAt: takenAt(exif?.text(TAGS.dateTimeOriginal), exif?.text(TAGS.offsetTimeOriginal)),
    exposureSeconds: positive(exif?.number(TAGS.exposureTime)),
    fNumber: positive(exif?.number(TAGS.fNumber)),
    iso: whole(exif?.number(TAGS.iso)),
    focalLengthMm: positive(exif?.number(TAGS.focalLength)),
    focalLength35Mm: whole(exif?.number(TAGS.focalLength35)),
    // Bit 0 tells whether it fired, the others how it was set.
    flashFired: flash === undefined ? undefined : (flash & 1) === 1,
  };
  const told = Object.entries(facts).filter(([, value]) => value !== undefined);
  return told.length === 0 ? undefined : (Object.fromEntries(told) as ExifFacts);
}

function locationFacts(gps: Directory): Location | undefined {
  const latitude = degrees(gps, GPS_TAGS.latitude, gps.text(GPS_TAGS.latitudeRef), 'S', 90);
  const longitude = degrees(gps, GPS_TAGS.longitude, gps.text(GPS_TAGS.longitudeRef), 'W', 180);
  if (latitude === undefined || longitude === undefined) return undefined;
  const height = gps.number(GPS_TAGS.altitude);
  const altitudeMetres = height !== undefined && gps.number(GPS_TAGS.altitudeRef) === 1 ? 0 - height : height;
  const isPlausible =
    altitudeMetres !== undefined && altitudeMetres >= ALTITUDE_METRES_MIN && altitudeMetres <= ALTITUDE_METRES_MAX;
  return { latitude, longitude, ...(isPlausible && { altitudeMetres }) };
}

/** Degrees, minutes and seconds as one number, negative with the reference `below`. */
function degrees(
  gps: Directory,
  tag: number,
  reference: string | undefined,
  below: string,
  max: number,
): number | undefined {
  const [full, minutes, seconds] = [gps.number(tag, 0), gps.number(tag, 1), gps.number(tag, 2)];
  if (full === undefined || reference === undefined) return undefined;
  const size = full + (minutes ?? 0) / 60 + (seconds ?? 0) / 3_600;
  if (!(size >= 0 && size <= max)) return undefined;
  // Seven digits after the point are a centimetre.
  const rounded = Math.round(size * 1e7) / 1e7;
  return reference.toUpperCase().startsWith(below) ? 0 - rounded : rounded;
}

const DATE_TIME = /^(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)$/;
const OFFSET = /^[+-](0\d|1[0-4]):[0-5]\d$/;

/** ISO 8601 of EXIF's own form, when it names a moment that there was. */
function takenAt(dateTime: string | undefined, offset: string | undefined): string | undefined {
  const [, year, month, day, hour, minute, second] = DATE_TIME.exec(dateTime ?? '') ?? [];
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const at = Date.parse(`${local}Z`);
  // A camera without a clock writes zeros, and 30 February must not become 2 March.
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 19) !== local) return undefined;
  return offset !== undefined && OFFSET.test(offset) ? `${local}${offset}` : local;
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}

function whole(value: number | undefined): number | undefined {
  return Number.isInteger(value) ? positive(value) : undefined;
}
