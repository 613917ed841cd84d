using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Bmp;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Pbm;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.Formats.Tiff;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.Memory;
using SixLabors.ImageSharp.PixelFormats;
using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>Decodes the six supported formats with ImageSharp. No other format is registered.</summary>
internal static class ImageSharpDecoder
{
    private static readonly Configuration Formats = Create();

    private static Configuration Create()
    {
        var configuration = new Configuration(new PngConfigurationModule(), new JpegConfigurationModule(), new BmpConfigurationModule(),
            new PbmConfigurationModule(), new TiffConfigurationModule(), new WebpConfigurationModule());
        configuration.MemoryAllocator = MemoryAllocator.Create(new MemoryAllocatorOptions { MaximumPoolSizeMegabytes = 0 });
        return configuration;
    }

    public static RgbImage Decode(byte[] data, ImageLimits limits)
    {
        try
        {
            var info = Image.Identify(Formats, new MemoryStream(data, writable: false)) ?? throw Undecodable.Because("its content is of no known image format (PNG, JPEG, BMP, PNM, TIFF, WebP)");
            limits.CheckSize(info.Width, info.Height);
            using var image = Image.Load<Rgb24>(Formats, data);
            byte[] pixels = GC.AllocateUninitializedArray<byte>(image.Width * image.Height * 3);
            image.CopyPixelDataTo(pixels);
            return new RgbImage(image.Width, image.Height, pixels);
        }
        catch (Exception e) when (e is not SpadeException)
        {
            throw Undecodable.Because($"the file is damaged or of an unsupported kind ({e.Message.ReplaceLineEndings(" ")})", e);
        }
    }
}
