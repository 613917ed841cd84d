using SpadeCluster.Tests;

namespace SpadeCluster.Imaging.Tests;

public class SharedDataTests
{
    [SharedDataFact]
    public void Photographs_and_masks_decode()
    {
        string cookie = SharedData.Path("data", "cookie");
        string[] photographs = Directory.GetFiles(cookie, "*.jpg", SearchOption.AllDirectories),
            masks = Directory.GetFiles(cookie, "*.png", SearchOption.AllDirectories);
        Assert.Equal((77, 32), (photographs.Length, masks.Length));
        foreach (string path in photographs)
        {
            var image = ImageReader.Default.ReadFile(path);
            Assert.Equal((576, 768), (image.Width, image.Height));
            double mean = image.Pixels.Average(p => (double)p);
            Assert.InRange(mean, 10, 245);
        }
        foreach (string path in masks)
        {
            var mask = Preprocessing.Stretch(224, 224).ApplyToMask(ImageReader.Default.ReadFile(path));
            Assert.InRange(mask.Count(m => m), 1, mask.Length / 2);
        }
    }
}
