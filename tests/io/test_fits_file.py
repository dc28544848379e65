import gzip
import itertools
import threading
import tracemalloc

import fitsio
import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from cfhtisr.errors import FileFormatError
from cfhtisr.io.fits_file import FitsFile
from fits_samples import COLUMNS, ROWS, packed, save, stars
from oracle import codec as oracle

# Cards that astropy changes, moves or drops when it restores a header or scales pixels.
SKIP = ("XTENSION", "SIMPLE", "EXTEND", "EXTNAME", "CHECKSUM", "DATASUM", "BZERO", "BSCALE")


class Watched:
    """A byte source that notes what is read of it."""

    def __init__(self, source):
        self.source, self.ranges = source, []

    def read_into(self, offset, target):
        self.ranges.append((offset, offset + len(target)))
        return self.source.read_into(offset, target)

    def most(self):
        return self.source.most()

    def close(self):
        self.source.close()


class TestPlain:
    @pytest.mark.parametrize("name", ["u1", "i2", "u2", "i4", "i8", "f4", "f8"])
    def test_every_pixel_type(self, tmp_path, name):
        image = stars(np.dtype(name))
        path = save(tmp_path / "a.fits", fits.ImageHDU(image), checksum=True)
        zipped = packed(path, tmp_path / "named.otherwise")
        for each in (path, zipped):
            with FitsFile(each) as file:
                pixels = file.read(1)
                assert pixels.dtype == image.dtype
                assert_array_equal(pixels, image)
                assert_array_equal(file.read(1, (5, 9)), image[5:9])
                assert_array_equal(file.read(1, slice(-2, None)), image[-2:])
                assert file.read(1, (4, 4)).shape == (0, COLUMNS)

    def test_scaled_pixels_become_floats_and_blanks_nan(self, tmp_path):
        stored = stars(np.dtype("i2"))
        hdu = fits.ImageHDU(stored)
        path = save(tmp_path / "a.fits", hdu)
        with fits.open(path, "update", do_not_scale_image_data=True) as file:
            file[1].header.update(BSCALE=0.0001, BZERO=3.2, BLANK=-32768)
        with FitsFile(path, "ignore") as file:
            assert file.hdus[1].scaled
            pixels = file.read(1)
        assert pixels.dtype == np.float32
        wanted = (stored * 0.0001 + 3.2).astype(np.float32)
        assert_array_equal(pixels, np.where(stored == -32768, np.float32(np.nan), wanted))
        peer = fitsio.read(str(path), ext=1)
        assert_array_equal(pixels[stored != -32768], peer[stored != -32768].astype(np.float32))

    def test_an_image_in_the_primary_hdu_and_empty_ones(self, tmp_path):
        path = tmp_path / "a.fits"
        fits.PrimaryHDU(stars(np.dtype("f4"))).writeto(path)
        with FitsFile(path) as file:
            assert file.hdus[0].shape == (ROWS, COLUMNS)
            assert_array_equal(file.read(0), stars(np.dtype("f4")))
        empty = save(tmp_path / "b.fits")
        with FitsFile(empty) as file, pytest.raises(FileFormatError, match="no image of two axes"):
            file.read(0)

    def test_wide_images_take_several_bands(self, tmp_path):
        image = stars(np.dtype("u2"), (1100, 1501))
        with FitsFile(save(tmp_path / "a.fits", fits.ImageHDU(image), checksum=True)) as file:
            assert_array_equal(file.read(1), image)
            assert_array_equal(file.read(1, (3, 1098)), image[3:1098])


COMPRESSED = [
    *(("RICE_1", name) for name in ("u1", "i2", "u2", "i4")),
    *(("GZIP_1", name) for name in ("u1", "i2", "u2", "i4", "i8", "f4", "f8")),
    *(("GZIP_2", name) for name in ("u1", "i2", "u2", "i4", "i8", "f4", "f8")),
    *(("NOCOMPRESS", name) for name in ("u1", "i2", "i4", "f4")),
]


class TestCompressed:
    @pytest.mark.parametrize("tile", [None, (4, COLUMNS), (7, 30), (ROWS, COLUMNS), (1, 10)])
    @pytest.mark.parametrize(("algorithm", "name"), COMPRESSED)
    def test_every_algorithm_type_and_tile(self, tmp_path, algorithm, name, tile):
        image = stars(np.dtype(name))
        quantize = 0 if image.dtype.kind == "f" else 16
        hdu = fits.CompImageHDU(
            image, compression_type=algorithm, tile_shape=tile, quantize_level=quantize
        )
        path = save(tmp_path / "a.fits", hdu, checksum=True)
        with FitsFile(path) as file:
            assert file.hdus[1].compression == algorithm
            pixels = file.read(1)
            assert pixels.dtype == image.dtype
            assert_array_equal(pixels, image)
            for rows in ((0, 1), (5, 9), (6, 14), (ROWS - 1, ROWS), (3, 3)):
                assert_array_equal(file.read(1, rows), image[slice(*rows)])

    def test_what_cfitsio_writes(self, tmp_path):
        image = stars(np.dtype("u2"))
        path = tmp_path / "a.fits"
        with fitsio.FITS(str(path), "rw", clobber=True) as file:
            file.write(image, compress="RICE_1")
        with FitsFile(path) as file:
            assert_array_equal(file.read(1), image)

    def test_without_bytepix_a_pixel_has_four_bytes(self, tmp_path):
        # So MegaCam's files up to 2008 are written, though their pixels are shorts.
        image = stars(np.dtype("u2"))
        stored = image.astype(np.int32) - 32768
        rows = [oracle.rice_encode(r.view(np.uint32).tolist(), 4, 32, lambda f: 17) for r in stored]
        rows = [np.frombuffer(row, np.uint8) for row in rows]
        table = fits.BinTableHDU.from_columns(
            [fits.Column("COMPRESSED_DATA", "PB()", array=np.array(rows, object))]
        )
        table.header.update(
            ZIMAGE=True, ZBITPIX=16, ZNAXIS=2, ZNAXIS1=COLUMNS, ZNAXIS2=ROWS, ZTILE1=COLUMNS,
            ZTILE2=1, ZCMPTYPE="RICE_1", ZNAME1="BLOCKSIZE", ZVAL1=32, BZERO=32768, BSCALE=1,
        )  # fmt: skip
        path = save(tmp_path / "a.fits", table)
        with FitsFile(path) as file:
            assert_array_equal(file.read(1), image)
        assert_array_equal(fitsio.read(str(path), ext=1), image)

    @pytest.mark.parametrize("algorithm", ["RICE_1", "GZIP_1", "GZIP_2"])
    @pytest.mark.parametrize("method", [-1, 1, 2])
    @pytest.mark.parametrize("name", ["f4", "f8"])
    def test_quantised_floats_equal_both_peers(self, tmp_path, algorithm, method, name):
        image = stars(np.dtype(name), (60, 200))
        image[2, 3:9] = 0
        image[4] = 17
        hdu = fits.CompImageHDU(
            image, compression_type=algorithm, quantize_method=method, dither_seed=9998
        )
        path = save(tmp_path / "a.fits", hdu, checksum=True)
        with FitsFile(path) as file:
            pixels = file.read(1)
            assert_array_equal(file.read(1, (7, 20)), pixels[7:20])
        assert_array_equal(pixels, fits.getdata(path, 1))
        assert_array_equal(pixels, fitsio.read(str(path), ext=1))

    @pytest.mark.parametrize("method", [1, 2])
    def test_a_tile_longer_than_the_random_table(self, tmp_path, method):
        image = stars(np.dtype("f4"), (200, 150))
        path = save(
            tmp_path / "a.fits",
            fits.CompImageHDU(
                image, tile_shape=(200, 150), quantize_method=method, dither_seed=10000
            ),
        )
        with FitsFile(path) as file:
            assert_array_equal(file.read(1), fits.getdata(path, 1))

    def test_nan_of_quantised_floats(self, tmp_path):
        image = stars(np.dtype("f4"), (60, 200))
        image[5, 7:30] = np.nan
        image[8] = np.nan
        path = tmp_path / "a.fits"
        with fitsio.FITS(str(path), "rw", clobber=True) as file:
            file.write(image, compress="RICE_1", qlevel=4)
        with FitsFile(path) as file:
            pixels = file.read(1)
        assert_array_equal(pixels, fitsio.read(str(path), ext=1))
        assert_array_equal(np.isnan(pixels), np.isnan(image))

    def test_scaled_and_compressed(self, tmp_path):
        stored = stars(np.dtype("i2"))
        path = save(tmp_path / "a.fits", fits.CompImageHDU(stored))
        raw = path.read_bytes()
        card = b"END".ljust(80)
        place = raw.rindex(card + b" " * 80)
        cards = b"BSCALE  =               0.0001".ljust(80) + b"BZERO   = 3.2".ljust(80) + card
        path.write_bytes(raw[:place] + cards + raw[place + len(cards) :])
        with FitsFile(path, "ignore") as file:
            pixels = file.read(1)
        assert_array_equal(pixels, (stored * 0.0001 + 3.2).astype(np.float32))

    @pytest.mark.parametrize("algorithm", ["HCOMPRESS_1", "PLIO_1"])
    def test_other_algorithms_are_refused_by_name(self, tmp_path, algorithm):
        image = np.arange(ROWS * COLUMNS, dtype=np.int16).reshape(ROWS, COLUMNS)
        hdu = fits.CompImageHDU(image, compression_type=algorithm)
        path = save(tmp_path / "a.fits", hdu)
        with FitsFile(path) as file, pytest.raises(FileFormatError, match=algorithm):
            file.read(1)


class TestHeader:
    def test_equals_that_of_the_image(self, tmp_path):
        header = fits.Header()
        header["OBJECT"] = "simulated"
        header["GAIN"] = (1.5, "e-/ADU")
        header.add_history("one")
        header.add_comment("two")
        header["LONG"] = "x" * 200
        hdu = fits.CompImageHDU(stars(np.dtype("u2")), header, name="CCD07")
        path = save(tmp_path / "a.fits", hdu)
        with FitsFile(path) as file:
            found = file.hdus[1]
            assert (found.name, found.shape) == ("CCD07", (ROWS, COLUMNS))
            keywords = list(found.header)
        with fits.open(path) as peer:
            wanted = list(peer[1].header)
        assert [k for k in keywords if k not in SKIP] == [k for k in wanted if k not in SKIP]
        assert keywords[:4] == ["XTENSION", "BITPIX", "NAXIS", "NAXIS1"]

    def test_name_is_the_last_that_no_compressor_wrote(self, tmp_path):
        path = save(tmp_path / "a.fits", fits.CompImageHDU(stars(np.dtype("u2"))))
        raw = path.read_bytes()
        card = b"END".ljust(80)
        place = raw.rindex(card + b" " * 80)
        names = ("COMPRESSED_IMAGE", "first", "ccd07", "COMPRESSED_IMAGE")
        cards = b"".join(f"EXTNAME = '{n}'".encode().ljust(80) for n in names) + card
        path.write_bytes(raw[:place] + cards + raw[place + len(cards) :])
        with FitsFile(path) as file:
            assert file.hdus[1].name == "ccd07"
            assert file.hdus[1].header.count("EXTNAME") >= 1

    def test_odd_cards_are_kept_without_a_word(self, tmp_path):
        path = save(tmp_path / "a.fits", fits.ImageHDU(stars(np.dtype("u2"))))
        raw = path.read_bytes()
        place = raw.rindex(b"END".ljust(80) + b" " * 80)
        cards = b"QID     = 55700500000000068888".ljust(80) + b"DATE    = '2002-12-12T8:55:18.29'"
        cards = cards.ljust(160) + b"END".ljust(80)
        path.write_bytes(raw[:place] + cards + raw[place + len(cards) :])
        with FitsFile(path, "ignore") as file:
            assert file.hdus[1].header["QID"] == 55700500000000068888

    def test_real_headers_are_read_whole(self, shared, tmp_path):
        for source in sorted((shared / "headers").glob("*.header.gz")):
            lines = gzip.decompress(source.read_bytes()).decode("latin-1").split("\n")
            text, cards = [], []
            for line in [line for line in lines if not line.startswith("# HDU")][:3000]:
                cards.append(line.ljust(80)[:80])
                if line.startswith("END") and not line[3:].strip():
                    text.append("".join(cards))
                    cards = []
            block = text[0].encode("latin-1")
            path = tmp_path / "header.fits"
            path.write_bytes(block + b" " * (-len(block) % 2880))
            with FitsFile(path) as file:
                assert len(file.hdus[0].header.cards) == len(block) // 80 - 1


class TestScan:
    def file_of(self, tmp_path, count=6, **options):
        images = [stars(np.dtype("u2"), (200, 101), seed) for seed in range(count)]
        hdus = [fits.ImageHDU(i, name=f"CCD{n:02}", **options) for n, i in enumerate(images)]
        return save(tmp_path / "a.fits", *hdus, checksum=True), images

    def test_one_ccd_touches_no_pixels_of_others(self, tmp_path):
        path, images = self.file_of(tmp_path)
        watched = []

        def wrap(source):
            watched.append(Watched(source))
            return watched[0]

        with FitsFile(path, wrap=wrap) as file:
            assert_array_equal(file.read(4), images[3])
            data = [(h.data_start, h.data_start + h.data_size) for h in file.hdus]
            touched = [
                n
                for n, (start, end) in enumerate(data)
                if any(a < end and b > start for a, b in watched[0].ranges)
            ]
            assert touched == [4]
            headers = sum(len(h.raw) for h in file.hdus)
        assert sum(b - a for a, b in watched[0].ranges) <= headers + data[4][1] - data[4][0] + 5760

    def test_some_rows_touch_only_their_tiles(self, tmp_path):
        hdu = fits.CompImageHDU(stars(np.dtype("u2"), (2000, 101)))
        path = save(tmp_path / "a.fits", hdu, checksum=True)
        watched = []

        def wrap(source):
            watched.append(Watched(source))
            return watched[0]

        with FitsFile(path, wrap=wrap) as file:
            file.hdus[1]
            watched[0].ranges.clear()
            file.read(1, (1000, 1010))
            assert sum(b - a for a, b in watched[0].ranges) < path.stat().st_size / 50

    def test_threads_read_the_same(self, tmp_path):
        path, images = self.file_of(tmp_path)
        for each in (path, packed(path, tmp_path / "a.gz")):
            with FitsFile(each) as file:
                results = {}

                def read(index, file=file, results=results):
                    results[index] = file.read(index + 1)

                threads = [threading.Thread(target=read, args=(n,)) for n in range(6)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                for index, image in enumerate(images):
                    assert_array_equal(results[index], image)

    def test_gzip_in_order_is_one_pass_and_going_back_works(self, tmp_path):
        path, images = self.file_of(tmp_path)
        with FitsFile(packed(path, tmp_path / "a.gz")) as file:
            for hdu in file.hdus:
                if hdu.shape:
                    assert_array_equal(file.read(hdu.index), images[hdu.index - 1])
            assert_array_equal(file.read(1), images[0])
            assert len(file.hdus) == 7
            with pytest.raises(IndexError, match="no HDU 7"):
                file.hdus[7]
            assert file.hdus[-1].name == "CCD05"

    def test_members_of_gzip_follow_each_other(self, tmp_path):
        path, images = self.file_of(tmp_path)
        raw = path.read_bytes()
        cuts = [0, 10, 2880, 50_000, len(raw)]
        pieces = [gzip.compress(raw[a:b]) for a, b in itertools.pairwise(cuts)]
        target = tmp_path / "b"
        target.write_bytes(b"".join(pieces) + bytes(1000))
        with FitsFile(target) as file:
            assert_array_equal(file.read(6), images[5])
            assert file.damage is None


class TestMemory:
    @pytest.mark.parametrize("kind", ["plain", "RICE_1", "GZIP_1", "NOCOMPRESS", "zipped"])
    def test_there_is_no_second_frame(self, tmp_path, kind):
        image = np.random.default_rng(1).normal(1000, 20, (4644, 2112)).astype(np.int16)
        plain = kind in ("plain", "zipped")
        hdu = fits.ImageHDU(image) if plain else fits.CompImageHDU(image, compression_type=kind)
        path = save(tmp_path / "a.fits", hdu, checksum=True)
        path = packed(path, tmp_path / "a.gz") if kind == "zipped" else path
        with FitsFile(path) as file:
            file.hdus[1]
            tracemalloc.start()
            pixels = file.read(1)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < pixels.nbytes + 2**22
        assert_array_equal(pixels, image)


class TestChecksum:
    @pytest.mark.parametrize("compressed", [False, True])
    def test_a_changed_pixel_is_found(self, tmp_path, compressed, caplog):
        image = stars(np.dtype("u2"))
        kind = fits.CompImageHDU if compressed else fits.ImageHDU
        path = save(tmp_path / "a.fits", kind(image, name="CCD07"), checksum=True)
        raw = bytearray(path.read_bytes())
        raw[-2880 - 1 if not compressed else -1] ^= 1
        path.write_bytes(raw)
        with FitsFile(path) as file, pytest.raises(FileFormatError, match=r"HDU 1 \(CCD07\): DATA"):
            file.read(1)
        with FitsFile(path, "warn") as file:
            assert file.read(1).shape == image.shape
        assert "DATASUM" in caplog.text
        with FitsFile(path, "ignore") as file:
            file.read(1)

    def test_a_changed_header_is_found(self, tmp_path):
        path = save(tmp_path / "a.fits", fits.ImageHDU(stars(np.dtype("u2"))), checksum=True)
        raw = bytearray(path.read_bytes())
        place = raw.rindex(b"END     ")
        raw[place - 1] = ord("x")
        path.write_bytes(raw)
        with FitsFile(path) as file, pytest.raises(FileFormatError, match="CHECKSUM"):
            file.read(1)

    def test_the_mode_is_one_of_three(self, tmp_path):
        with pytest.raises(ValueError, match="wanted 'error', 'warn' or 'ignore'"):
            FitsFile(tmp_path / "a.fits", "maybe")


class TestRealFiles:
    def test_pixels_equal_those_of_both_peers(self, shared):
        folder = shared / "pixels"
        paths = sorted(p for p in folder.glob("*/*") if p.suffix in (".fits", ".fz", ".gz"))
        assert len(paths) >= 18
        for path in paths:
            with FitsFile(path, "warn") as file, fits.open(path) as peer:
                assert len(file.hdus) == len(peer)
                assert file.damage is None
                for hdu, other in zip(file.hdus, peer, strict=True):
                    if hdu.shape is None:
                        continue
                    pixels = file.read(hdu.index)
                    assert_array_equal(pixels, other.data)
                    assert_array_equal(pixels, fitsio.read(str(path), ext=hdu.index))
                    found = [k for k in hdu.header if k not in SKIP]
                    assert found == [k for k in other.header if k not in SKIP]

    def test_full_frame_masks(self, shared):
        for path in sorted((shared / "defects" / "elixir_masks").glob("*.fits.gz")):
            with FitsFile(path, "warn") as file, fits.open(path) as peer:
                for index in (1, 2, 36):
                    pixels = file.read(index)
                    assert_array_equal(pixels, peer[index].data)
                    assert file.hdus[index].name == f"ccd{index - 1:02}"
