"""Variance the slow way."""

from oracle.float32 import f32, pixelwise


def update(image, gain, read_noise, bias_variance=None, parity="none"):
    if parity == "lsst-v17":
        inverse, noise = f32(1 / f32(gain)), f32(read_noise * read_noise)
        return pixelwise(lambda i: f32(f32(i * inverse) + noise), image)
    inverse, noise = 1 / gain, read_noise / gain
    noise = noise * noise
    if bias_variance is None:
        bias_variance = pixelwise(lambda _: 0.0, image)

    def one(i, b):
        i = 0.0 if i < 0 else i
        return f32(i * inverse + noise + b)

    return pixelwise(one, image, bias_variance)
