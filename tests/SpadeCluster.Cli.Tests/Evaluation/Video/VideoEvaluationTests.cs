using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using NumSharp;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Evaluation.Video;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;
using SpadeCluster.Tests;

namespace SpadeCluster.Cli.Tests.Evaluation.Video;

public class VideoEvaluationTests : WorkFolder
{
    private const int Clips = 30, Frames = 4, Width = 56, Height = 40;

    /// <summary>30 seeded clips with exact masks; the figures must equal those of numpy and scikit-learn.</summary>
    [PythonFact("numpy", "sklearn")]
    public async Task Figures_equal_an_independent_computation()
    {
        WriteClips();
        var dataset = VideoDataset.Open(Root, every: 2);
        Assert.Equal((4, Clips), (dataset.Train.Count, dataset.Clips.Count));
        using var engines = new Engines("oriented-energy-1");
        var store = new InMemoryGalleryStore();
        await engines.Galleries(store, "test").AddAsync(dataset.Name, [.. dataset.Train.Select(Files.Source)]);
        using var scoring = new ScoringService(store, engines, new ScoringOptions { GateNeighbours = 2 });
        Directory.CreateDirectory(At("maps"));
        var actual = await VideoEvaluation.MeasureAsync(dataset, new Recording(scoring, At("maps")),
            ((ImagePreparer)engines.Default.Preparer).Preprocessing, (_, _, _) => { }, default);
        Assert.Equal((Clips * Frames, Clips), (actual.Frames, actual.AnomalousFrames));

        using var python = Process.Start(new ProcessStartInfo(PythonFactAttribute.Python,
            [Path.Combine(AppContext.BaseDirectory, "Evaluation", "Video", "clips.py"), Root, At("maps")])
        { RedirectStandardOutput = true })!;
        var expected = JsonDocument.Parse(await python.StandardOutput.ReadToEndAsync()).RootElement;
        Assert.Equal(expected.GetProperty("gate").GetDouble(), actual.FrameAurocGate!.Value, 1e-6);
        Assert.Equal(expected.GetProperty("score").GetDouble(), actual.FrameAuroc!.Value, 1e-6);
        Assert.Equal(expected.GetProperty("pixel").GetDouble(), actual.PixelAuroc!.Value, 1e-6);
        Assert.InRange(actual.PixelAuroc.Value, 0.8, 0.9999);
    }

    [Fact]
    public async Task The_command_recognises_the_layout_and_leaves_no_gallery()
    {
        WriteClips(clips: 2);
        var (exit, output, error) = await Spade.RunAsync("evaluate", Root, "--model", "oriented-energy-1", "--recipe", "paper", "--every",
            "4", "--json", "--out", At("out"));
        Assert.True(exit == 0, error);
        var figures = JsonDocument.Parse(output).RootElement;
        Assert.Equal((2, 2, 8), (figures.GetProperty("train").GetInt32(), figures.GetProperty("clips").GetInt32(),
            figures.GetProperty("frames").GetInt32()));
        Assert.InRange(figures.GetProperty("pixel_auroc").GetDouble(), 0.8, 1);
        Assert.Empty(Directory.EnumerateFileSystemEntries(At("out")));
    }

    [Fact]
    public void Missing_parts_are_named()
    {
        Assert.Contains("test_frame_mask", Assert.Throws<SpadeException>(() => VideoDataset.Open(Root, 1)).Message,
            StringComparison.Ordinal);
        WriteClips(clips: 2);
        Directory.Move(At("training", "frames"), At("training", "videos"));
        Assert.Contains("ffmpeg", Assert.Throws<SpadeException>(() => VideoDataset.Open(Root, 1)).Message, StringComparison.Ordinal);
        Directory.Move(At("training", "videos"), At("training", "frames"));
        File.Delete(At("testing", "frames", "00", "0.png"));
        var clip = VideoDataset.Open(Root, 1).Clips[0];
        Assert.Contains("its shape is 4, but the clip has 3 frames", Assert.Throws<SpadeException>(clip.ReadFrameMask).Message,
            StringComparison.Ordinal);
        File.WriteAllText(At("test_frame_mask", "01.npy"), "no array");
        Assert.Contains("not an array of NumPy",
            Assert.Throws<SpadeException>(() => VideoDataset.Open(Root, 1).Clips[1].ReadFrameMask()).Message, StringComparison.Ordinal);
        File.Delete(At("test_frame_mask", "01.npy"));
        Assert.Contains("no test_frame_mask/01.npy", Assert.Throws<SpadeException>(() => VideoDataset.Open(Root, 1)).Message,
            StringComparison.Ordinal);
    }

    /// <summary>Stripes with noise; in one frame of each test clip, a bright box.</summary>
    private void WriteClips(int clips = Clips)
    {
        var random = new Random(7);
        foreach (string clip in new[] { "a", "b" })
            for (int f = 0; f < Frames; f++) Write(["training", "frames", clip, $"{f}.png"], Scene(random));
        Directory.CreateDirectory(At("test_frame_mask"));
        Directory.CreateDirectory(At("test_pixel_mask"));
        for (int c = 0; c < clips; c++)
        {
            var (frameMask, pixelMask) = (new byte[Frames], new byte[Frames * Height * Width]);
            int odd = random.Next(Frames), top = random.Next(Height - 12), left = random.Next(Width - 12);
            for (int f = 0; f < Frames; f++)
            {
                var scene = Scene(random);
                if (f == odd)
                {
                    frameMask[f] = 1;
                    for (int y = top; y < top + 12; y++)
                    {
                        pixelMask.AsSpan((f * Height + y) * Width + left, 12).Fill(1);
                        scene.Pixels.AsSpan((y * Width + left) * 3, 36).Fill((byte)random.Next(150, 255));
                    }
                }
                Write(["testing", "frames", $"{c:00}", $"{f}.png"], scene);
            }
            using var frames = np.array(frameMask);
            using var flat = np.array(pixelMask);
            using var pixels = flat.reshape(Frames, Height, Width);
            np.save(At("test_frame_mask", $"{c:00}.npy"), frames);
            np.save(At("test_pixel_mask", $"{c:00}.npy"), pixels);
        }
    }

    private static RgbImage Scene(Random random)
    {
        var scene = new RgbImage(Width, Height);
        for (int i = 0; i < scene.Pixels.Length; i++) scene.Pixels[i] = (byte)((i / 3 % Width / 7 % 2 == 0 ? 60 : 130) + random.Next(30));
        return scene;
    }

    private void Write(string[] parts, RgbImage image)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(parts))!);
        PngEncoder.WriteFile(At(parts), image);
    }

    /// <summary>Writes gate, score and map of each frame to the file of its clip, as float32.</summary>
    private sealed class Recording(IScoringService scoring, string folder) : IScoringService
    {
        public async ValueTask<ScoredImage> ScoreAsync(string category, ImageSource source, CancellationToken cancellationToken = default)
        {
            var scored = await scoring.ScoreAsync(category, source, cancellationToken);
            string clip = Path.GetFileName(Path.GetDirectoryName(source.Name))!;
            float[] values = [(float)scored.Result.GateDistance, (float)scored.Result.Score!.Value, .. scored.Result.Map!.Values];
            await using var file = new FileStream(Path.Combine(folder, clip + ".f32"), FileMode.Append);
            file.Write(MemoryMarshal.AsBytes(values.AsSpan()));
            return scored;
        }
    }
}
