using NumSharp;
using SpadeCluster.Evaluation;

namespace SpadeCluster.Cli.Evaluation.Video;

/// <summary>One test clip.</summary>
/// <param name="Frames">Its frames in order of their names.</param>
/// <param name="FrameMask">.npy with one value per frame, not zero for an anomalous one.</param>
/// <param name="PixelMask">.npy [frame][height][width], not zero inside an anomaly; null if there is none.</param>
internal sealed record VideoClip(string Name, IReadOnlyList<string> Frames, string FrameMask, string? PixelMask)
{
    /// <summary>Whether each frame is anomalous.</summary>
    /// <exception cref="SpadeException">InvalidArgument: not one value per frame.</exception>
    public bool[] ReadFrameMask() => [.. Load(FrameMask, 1).Select(v => v != 0)];

    /// <summary>The anomalous pixels of each frame, read one clip at a time; null without masks.</summary>
    /// <exception cref="SpadeException">InvalidArgument: not one mask per frame.</exception>
    public PixelMasks? ReadPixelMasks()
    {
        if (PixelMask is null) return null;
        byte[] pixels = Load(PixelMask, 3, out long[] shape);
        return new PixelMasks(pixels, (int)shape[2], (int)shape[1]);
    }

    private byte[] Load(string path, int dimensions) => Load(path, dimensions, out _);

    private byte[] Load(string path, int dimensions, out long[] shape)
    {
        NDArray array;
        try
        {
            array = np.load_npy(path);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new SpadeException(SpadeError.InvalidArgument, $"{path}: not an array of NumPy that can be read ({e.Message})", e);
        }
        using (array)
        {
            shape = [.. array.shape];
            Check(path, dimensions, shape);
            using NDArray set = array != 0;
            using NDArray bytes = set.astype(np.uint8);
            return bytes.ToArray<byte>();
        }
    }

    private void Check(string path, int dimensions, long[] shape)
    {
        if (shape.Length != dimensions || shape[0] != Frames.Count)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"{path}: its shape is {string.Join('x', shape)}, but the clip has {Frames.Count} frames: expected "
                + (dimensions == 1 ? "one value per frame" : "frames x height x width"));
    }
}

/// <summary>The masks of a clip.</summary>
/// <param name="Pixels">[frame][height][width].</param>
internal sealed record PixelMasks(byte[] Pixels, int Width, int Height)
{
    public ReadOnlySpan<byte> Of(int frame) => Pixels.AsSpan(frame * Width * Height, Width * Height);
}

/// <summary>
/// ShanghaiTech Campus (Luo et al. 2017): training/frames/CLIP, testing/frames/CLIP, and masks in test_frame_mask/CLIP.npy and
/// test_pixel_mask/CLIP.npy, in the folder itself or in testing.
/// </summary>
internal sealed record VideoDataset(string Name, IReadOnlyList<string> Train, IReadOnlyList<VideoClip> Clips)
{
    public const string Layout = "shanghaitech";
    public const string Folders = "training/frames/CLIP, testing/frames/CLIP, test_frame_mask/CLIP.npy, test_pixel_mask/CLIP.npy";

    public static bool Has(string path) => Directory.Exists(Path.Combine(path, "testing", "frames"));

    /// <param name="every">Take every N-th frame of each training clip.</param>
    /// <exception cref="SpadeException">NotFound: a part is missing.</exception>
    public static VideoDataset Open(string path, int every)
    {
        string training = Path.Combine(path, "training", "frames"), videos = Path.Combine(path, "training", "videos");
        if (!Has(path)) throw new SpadeException(SpadeError.NotFound, $"'{path}' has not the layout {Layout}: {Folders}");
        if (!Directory.Exists(training))
            throw new SpadeException(SpadeError.NotFound, !Directory.Exists(videos) ? $"no folder '{training}'"
                : $"'{videos}' holds videos, which are not read: extract their frames first, for each CLIP with 'mkdir -p {training}/CLIP "
                + $"&& ffmpeg -i {videos}/CLIP.avi {training}/CLIP/%05d.jpg'");
        string[] train = [.. ClipFolders(training).SelectMany(clip => InspectionDataset.ImageFiles(clip).Where((_, i) => i % every == 0))];
        VideoClip[] clips = [.. ClipFolders(Path.Combine(path, "testing", "frames")).Select(folder =>
        {
            string clip = Path.GetFileName(folder);
            return new VideoClip(clip, InspectionDataset.ImageFiles(folder), MaskOf(path, "test_frame_mask", clip)
                ?? throw new SpadeException(SpadeError.NotFound, $"'{path}' has no test_frame_mask/{clip}.npy"),
                MaskOf(path, "test_pixel_mask", clip));
        })];
        if (train.Length == 0) throw new SpadeException(SpadeError.NotFound, $"'{training}' holds no folders with images");
        return clips.Length == 0 ? throw new SpadeException(SpadeError.NotFound, $"'{path}/testing/frames' holds no folders")
            : new VideoDataset(Datasets.DatasetLayout.NameOf(path), train, clips);
    }

    private static IEnumerable<string> ClipFolders(string folder) => Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal);

    private static string? MaskOf(string path, string folder, string clip)
        => Array.Find([Path.Combine(path, folder, clip + ".npy"), Path.Combine(path, "testing", folder, clip + ".npy")], File.Exists);
}
