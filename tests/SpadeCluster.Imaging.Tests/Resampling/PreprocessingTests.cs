using SpadeCluster.Features;

namespace SpadeCluster.Imaging.Tests;

public class PreprocessingTests
{
    [Theory]
    [InlineData("stretch 224x224")]
    [InlineData("stretch 640x480")]
    [InlineData("shorter-side 256 crop 224x224")]
    [InlineData("shorter-side 300 crop 200x100")]
    [InlineData("letterbox 224x224")]
    [InlineData("stretch 224x224 tiles 3x2 overlap 32")]
    [InlineData("letterbox 224x224 tiles 1x3 overlap 32 and whole")]
    public void Text_form_is_stable(string text)
    {
        var parsed = Preprocessing.Parse(text);
        Assert.Equal(text, parsed.ToString());
        Assert.Equal(parsed, Preprocessing.Parse(text));
    }

    [Fact]
    public void Text_forms_mean_what_they_say()
    {
        Assert.Equal(Preprocessing.Stretch(640, 480), Preprocessing.Parse("stretch 640x480"));
        Assert.Equal(Preprocessing.ShorterSideCrop(256, 224, 200), Preprocessing.Parse("shorter-side 256 crop 224x200"));
        Assert.Equal("shorter-side 256 crop 224x224", Preprocessing.Paper.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("stretch")]
    [InlineData("stretch 0x224")]
    [InlineData("stretch 224x224 ")]
    [InlineData("stretch 99999999999x1")]
    [InlineData("Stretch 224x224")]
    [InlineData("stretch 224x224 tiles 2x2")]
    [InlineData("stretch 224x224 tiles 0x2 overlap 32")]
    [InlineData("stretch 224x224 tiles 2x2 overlap 200")]
    [InlineData("stretch 224x224 tiles 100x100 overlap 32")]
    [InlineData("shorter-side 256 crop 224x224 tiles 2x2 overlap 32")]
    [InlineData("shorter-side 200 crop 224x224")]
    public void Other_texts_are_refused(string text) =>
        Assert.Equal(SpadeError.InvalidArgument, Assert.Throws<SpadeException>(() => Preprocessing.Parse(text)).Error);

    [Theory]
    [InlineData("wide")]
    [InlineData("tall")]
    public void Crop_equals_Pillow_and_torchvision(string name) =>
        GoldenFiles.AssertSame(GoldenFiles.Expected($"crop-{name}-32-25x24"),
            Preprocessing.ShorterSideCrop(32, 25, 24).Apply(GoldenFiles.Expected($"crop-{name}")));

    [Fact]
    public void Stretch_is_a_resize() =>
        GoldenFiles.AssertSame(GoldenFiles.Expected("resample-smooth-16x40"),
            Preprocessing.Stretch(16, 40).Apply(GoldenFiles.Expected("resample-smooth")));

    [Theory]
    [InlineData("stretch 60x40", 173, 91)]
    [InlineData("shorter-side 50 crop 40x48", 173, 91)]
    [InlineData("shorter-side 50 crop 40x48", 91, 173)]
    public void A_box_of_the_input_covers_its_place_in_the_original(string text, int width, int height)
    {
        // Light one input pixel's box in the original: the input must be lit there, and nowhere two pixels away.
        var preprocessing = Preprocessing.Parse(text);
        var random = new Random(6);
        for (int run = 0; run < 50; run++)
        {
            var box = new PixelBox(random.Next(preprocessing.Width - 4), random.Next(preprocessing.Height - 4), random.Next(1, 5),
                random.Next(1, 5));
            var original = preprocessing.ToOriginal(box, width, height);
            Assert.Equal(original, original.Clamp(width, height));
            var image = new RgbImage(width, height);
            for (int y = 0; y < original.Height; y++)
                image.Pixels.AsSpan(3 * ((original.Y + y) * width + original.X), 3 * original.Width).Fill(255);
            var mask = preprocessing.ApplyToMask(image);
            for (int i = 0; i < mask.Length; i++)
            {
                var (y, x) = Math.DivRem(i, preprocessing.Width);
                bool inside = x >= box.X && x < box.X + box.Width && y >= box.Y && y < box.Y + box.Height;
                bool far = x < box.X - 1 || x > box.X + box.Width || y < box.Y - 1 || y > box.Y + box.Height;
                Assert.False(inside && !mask[i], $"{box}: input pixel ({x}, {y}) is not covered by {original}");
                Assert.False(far && mask[i], $"{box}: input pixel ({x}, {y}) is far, yet covered by {original}");
            }
        }
    }

    [Fact]
    public void Whole_factors_map_to_whole_boxes()
    {
        var preprocessing = Preprocessing.Stretch(224, 224);
        Assert.Equal(new PixelBox(30, 8, 15, 20), preprocessing.ToOriginal(new PixelBox(10, 4, 5, 10), 672, 448));
        Assert.Equal((33.0, 11.0), preprocessing.Geometry(672, 448).ToOriginal(11.0, 5.5));
        // 448x672, shorter side 256 -> 256x384: the crop begins at (16, 80).
        Assert.Equal((16 * 1.75, 80 * 1.75), Preprocessing.Paper.Geometry(448, 672).ToOriginal(0.0, 0.0));
    }

    [Fact]
    public void Masks_are_true_above_127()
    {
        var mask = new RgbImage(4, 1, [0, 0, 0, 127, 127, 127, 128, 128, 128, 255, 255, 255]);
        Assert.Equal([false, false, true, true], Preprocessing.Stretch(4, 1).ApplyToMask(mask));
    }

    [Fact]
    public void One_pixel_images_and_slivers_have_an_answer()
    {
        var pixel = new RgbImage(1, 1, [9, 8, 7]);
        Assert.All(Preprocessing.Paper.Apply(pixel).Pixels.Chunk(3), p => Assert.Equal([9, 8, 7], p));
        Assert.Equal(3 * 224 * 224, Preprocessing.Stretch(224, 224).Apply(new RgbImage(100_000, 1)).Pixels.Length);
        var e = Assert.Throws<SpadeException>(() => Preprocessing.Paper.Apply(new RgbImage(100_000, 1)));
        Assert.Equal(SpadeError.InvalidArgument, e.Error);
        Assert.Contains("100000x1", e.Message);
    }

    [Fact]
    public void A_letterboxed_photograph_keeps_its_proportions()
    {
        var letterbox = Preprocessing.Parse("letterbox 224x224");
        var wide = new RgbImage(400, 100);
        var input = letterbox.Apply(wide);
        Assert.Equal((224, 56), (input.Width, input.Height));
        Assert.Equal(224 * 56, letterbox.ApplyToMask(wide).Length);
        Assert.Equal((200, 50), letterbox.Geometry(400, 100).ToOriginal(112, 28));
    }

    [Fact]
    public void A_photograph_in_tiles_is_resized_to_the_grid()
    {
        var tiles = Preprocessing.Parse("stretch 224x224 tiles 3x2 overlap 32 and whole");
        var prepared = new ImagePreparer(tiles).Prepare(PngEncoder.Encode(Pictures.Waves(1216, 832)), "large.png");
        Assert.Equal((608, 416), (prepared.Input.Width, prepared.Input.Height));
        Assert.Equal(7, prepared.Tiles.Count);
        Assert.All(Enumerable.Range(0, 7).Select(prepared.Tile), t => Assert.Equal((224, 224), (t.Width, t.Height)));
        Assert.Equal((1216, 832), prepared.Geometry.ToOriginal(608, 416));
    }
}
