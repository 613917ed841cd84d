using System.CommandLine;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Neighbors;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Commands;

/// <summary>Options that several commands share.</summary>
internal static class CommonOptions
{
    public const string GalleryFolder = "galleries";

    public static Option<bool> Json() => new("--json") { Description = "Print JSON for machines instead of text." };

    public static Option<string> Device() => new("--device")
    {
        Description = "Where the model runs: cpu, or cuda:N in a build with -p:Gpu=true.",
        HelpName = "DEVICE",
        DefaultValueFactory = _ => ExtractorSettings.Cpu,
    };

    public static Option<string?> Model() =>
        new("--model")
        {
            Description =
            $"Built-in model ({string.Join(", ", BuiltInModels.Names)}), or model folder (model.onnx, model.json). Default: "
            + $"{BuiltInModels.Default}, or the model of an existing gallery: a built-in one, or one below ./models.",
            HelpName = "MODEL"
        };

    public static Option<string> Gallery() =>
        new("--gallery")
        {
            Description = "Folder of the galleries, or a PostgreSQL connection string (Host=...;Database=...).",
            HelpName = "DIR",
            DefaultValueFactory = _ => GalleryFolder
        };

    public static Option<int> Threads() =>
        Bounded(new Option<int>("--threads")
        {
            Description = "Threads for one image; 0: its share of the processors (all of them while nothing else runs).",
            DefaultValueFactory = _ => 0,
        }, 0,
            1024);

    /// <summary>The reason of a change of a gallery.</summary>
    public static Option<string> Reason(bool required = true)
    {
        var option = new Option<string>("--reason") { Description = "Why, for the history.", HelpName = "TEXT", Required = required };
        option.Validators.Add(result =>
        {
            if (!result.Implicit && string.IsNullOrWhiteSpace(result.GetValueOrDefault<string>()))
                result.AddError("--reason is empty: say why");
        });
        return option;
    }

    public static Option<double> Memory() =>
        Memory("Memory limit of the gallery, in GB; with less it reads more from the disk, with the same results.",
            GalleryShard.DefaultMemory);

    /// <param name="usual">Default in bytes.</param>
    public static Option<double> Memory(string description, long usual)
        => Bounded(new Option<double>("--memory-gb")
        {
            Description = description,
            HelpName = "GB",
            DefaultValueFactory = _ =>
            Math.Max(0.1, Math.Round(usual / 1e9, 1))
        }, 0.001, 1e6);

    /// <summary>The option's value in bytes.</summary>
    public static long Bytes(this ParseResult parsed, Option<double> gigabytes) => (long)(parsed.GetValue(gigabytes) * 1e9);

    public static Option<bool> NoCalibration() => new("--no-calibrate") { Description = "Do not learn thresholds now." };

    /// <summary>Null: not given.</summary>
    public static Option<string?> Copies() => new("--copies")
    {
        Description = "Also keep turned copies of each normal in a new category, for parts that are as good when turned: mirror (left and "
            + "right exchanged), flip (top and bottom), half-turn, quarter-turns, or several separated by commas. Default: none.",
        HelpName = "NAMES",
    };

    /// <exception cref="SpadeException">InvalidArgument: there are no such copies.</exception>
    public static Copies? CopiesOf(this ParseResult parsed, Option<string?> option)
        => parsed.GetValue(option) is { } names ? CopyExtensions.Parse(names) : null;

    public static Option<T> Bounded<T>(Option<T> option, T low, T high) where T : IComparable<T>
    {
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValueOrDefault<T>() is { } value
                && (value.CompareTo(low) < 0 || value.CompareTo(high) > 0))
                result.AddError($"{option.Name} takes {low} to {high}, not {value}");
        });
        return option;
    }
}

/// <summary>The device and threads of the model, as options.</summary>
internal sealed class DeviceOptions
{
    private readonly Option<int> _threads;
    private readonly Option<string> _device = CommonOptions.Device();

    /// <param name="threads">Replaces the usual option, for another default.</param>
    public DeviceOptions(Command command, Option<int>? threads = null)
    {
        _threads = threads ?? CommonOptions.Threads();
        foreach (var option in All) command.Add(option);
    }

    public IReadOnlyList<Option> All => [_threads, _device];

    public ExtractorSettings Read(ParseResult parsed) => new(parsed.GetRequiredValue(_device), parsed.GetValue(_threads));
}

/// <summary>The method's settings as options.</summary>
internal sealed class MethodOptions
{
    private static readonly ScoringOptions Defaults = ScoringOptions.Default;

    private readonly Option<int> _gateK =
        CommonOptions.Bounded(new Option<int>("--gate-k")
        {
            Description = "Nearest normals averaged by the gate.",
            DefaultValueFactory = _ => Defaults.GateNeighbours
        }, 1, 1_000_000);
    private readonly Option<int?> _galleryK =
        new("--gallery-k")
        {
            Description =
            $"Nearest normals searched by pixel. Default: {ScoringOptions.DefaultGalleryNeighbours}, or all if there are fewer."
        };
    private readonly Option<int> _kappa =
        CommonOptions.Bounded(new Option<int>("--kappa")
        {
            Description = "Nearest gallery pixels averaged per pixel.",
            DefaultValueFactory = _ => Defaults.Kappa
        }, 1, 64);
    private readonly Option<string> _fusion =
        new("--fusion") { Description = "How pyramid levels are combined.", DefaultValueFactory = _ => "concatenated" };
    private readonly Option<string> _policy =
        new("--gate-policy") { Description = "Which images the pixel search sees.", DefaultValueFactory = _ => "always" };
    private readonly Option<string?> _levels =
        new("--levels") { Description = "Pyramid levels used, 1 the finest, for example 1,2. Default: all." };
    private readonly Option<string?> _tileReach = new("--tile-reach")
    {
        Description = "For photographs in tiles: compare a tile with normals' tiles up to this many columns and rows away; 0: only the "
            + "same position; any: all positions. Default: chosen by comparing the normals with each other.",
        HelpName = "N",
    };
    private readonly Option<double> _alpha =
        CommonOptions.Bounded(new Option<double>("--alpha")
        {
            Description =
            "Target share of good parts that are called defects.",
            DefaultValueFactory = _ => Defaults.Alpha
        },
                0.000001, 0.5);
    private readonly Option<double> _reviewRate = CommonOptions.Bounded(new Option<double>("--review-rate")
    {
        Description = "Share of good parts with the verdict review or defect; --alpha or less: no review.",
        DefaultValueFactory = _ => Defaults.ReviewRate ?? 0,
    }, 0, 0.9);
    private readonly Option<string> _threshold = new("--threshold")
    {
        Description = "How thresholds are estimated: robust (outliers have little effect), tail (fitted to the highest scores) or "
            + "conformal (the rate is promised).",
        DefaultValueFactory = _ => "robust",
    };
    private readonly Option<double> _theta = CommonOptions.Bounded(new Option<double>("--theta")
    {
        Description = "Set theta by hand, in units of raw scores; 0: estimate it again.",
    }, 0, 1e12);
    private readonly Option<bool> _normalised = new("--normalised")
    {
        Description = "Divide distances by the usual ones of the normals at that position; false: plain distances, as in "
            + "the paper.",
        DefaultValueFactory = _ => Defaults.Normalised,
    };

    private readonly Option<int> _window = CommonOptions.Bounded(new Option<int>("--window")
    {
        Description = "Match pixels only within this many cells of the finest level (4 pixels of the model's input) of their own position, "
            + "for parts that are always in the same position; 0: anywhere.",
        HelpName = "RADIUS",
    }, 0, 10_000);

    public MethodOptions(Command command)
    {
        _fusion.AcceptOnlyFromAmong("concatenated", "per-level");
        _policy.AcceptOnlyFromAmong("always", "gate", "gate-or-sample");
        _threshold.AcceptOnlyFromAmong("robust", "tail", "conformal");
        foreach (Option option in new Option[] { _gateK, _galleryK, _kappa, _fusion, _policy, _levels, _window, _tileReach, _normalised,
            _alpha,
            _threshold,
            _reviewRate, _theta })
            command.Add(option);
    }

    /// <param name="known">Settings to use where no option is given; null: the defaults.</param>
    public ScoringOptions Read(ParseResult parsed, ScoringOptions? known = null)
    {
        var o = known ?? Defaults;
        bool Given(Option option) => parsed.GetResult(option) is { Implicit: false };
        if (Given(_gateK)) o = o with { GateNeighbours = parsed.GetValue(_gateK) };
        if (Given(_galleryK)) o = o with { GalleryNeighbours = parsed.GetValue(_galleryK) };
        if (Given(_kappa)) o = o with { Kappa = parsed.GetValue(_kappa) };
        if (Given(_fusion)) o = o with { Fusion = parsed.GetValue(_fusion) == "per-level" ? Fusion.PerLevel : Fusion.Concatenated };
        if (Given(_policy))
            o = o with
            {
                GatePolicy =
                parsed.GetValue(_policy) switch
                {
                    "gate" => GatePolicy.Gate,
                    "gate-or-sample" => GatePolicy.GateOrSample,
                    _ =>
                    GatePolicy.Always
                }
            };
        if (Given(_levels)) o = o with { Levels = ParseLevels(parsed.GetValue(_levels)!) };
        if (Given(_tileReach)) o = o with { TileReach = ParseReach(parsed.GetValue(_tileReach)!) };
        if (Given(_alpha)) o = o with { Alpha = parsed.GetValue(_alpha) };
        if (Given(_window)) o = o with { Window = parsed.GetValue(_window) is > 0 and var radius ? radius : null };
        if (Given(_normalised)) o = o with { Normalised = parsed.GetValue(_normalised) };
        if (Given(_threshold)) o = o with { Threshold = Enum.Parse<ThresholdRule>(parsed.GetRequiredValue(_threshold), ignoreCase: true) };
        if (Given(_theta)) o = o with { Theta = parsed.GetValue(_theta) is > 0 and var theta ? theta : null };
        if (Given(_reviewRate)) o = o with { ReviewRate = parsed.GetValue(_reviewRate) is > 0 and var rate ? rate : null };
        return o;
    }

    /// <summary>Refuses a reach for a category with a region of interest: what is inspected of a tile depends on its position.</summary>
    /// <exception cref="SpadeException">InvalidArgument: a reach other than 0 is given.</exception>
    public void RefuseReach(ParseResult parsed)
    {
        if (parsed.GetValue(_tileReach) is { } reach && ParseReach(reach) != 0)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"--tile-reach {reach}: with a region of interest, tiles are compared with their own position only, because the region is "
                + "a position on the part; leave --tile-reach out, or inspect whole photographs ('spade gallery region CATEGORY none')");
    }

    private static int? ParseReach(string text) =>
        text == "any" ? ScoringOptions.Anywhere : int.TryParse(text, out int reach) && reach >= 0 ? reach
        : throw new SpadeException(SpadeError.InvalidArgument, $"--tile-reach takes a number, 0 or more, or 'any', not '{text}'");

    private static int[] ParseLevels(string text)
    {
        var levels = new List<int>();
        foreach (string part in text.Split(','))
            levels.Add(int.TryParse(part, out int level) && level >= 1
                ? level - 1 : throw new SpadeException(SpadeError.InvalidArgument, $"--levels takes numbers such as 1,2,3, not '{text}'"));
        return [.. levels.Order()];
    }
}
