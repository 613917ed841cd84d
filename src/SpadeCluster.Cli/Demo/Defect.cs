namespace SpadeCluster.Cli.Demo;

/// <summary>A defect of a plate. It changes surface points and marks them, which gives the exact mask.</summary>
internal abstract class Defect
{
    /// <summary>The missing hole, if that is the defect.</summary>
    public virtual int? MissingHole => null;

    /// <param name="edge">Signed distance to the plate's outline, negative inside.</param>
    public abstract SurfacePoint Apply(SurfacePoint point, double x, double y, double edge, ValueNoise noise);

    public static readonly IReadOnlyList<string> Kinds = ["burr", "dent", "missing_hole", "scratch", "stain"];

    public static Defect Make(string kind, Random random) => kind switch
    {
        "burr" => new Burr(random),
        "dent" => new Dent(random),
        "missing_hole" => new NoHole(random),
        "scratch" => new Scratch(random),
        "stain" => new Stain(random),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "not a defect"),
    };

    private static double Between(Random random, double low, double high) => low + (high - low) * random.NextDouble();

    /// <summary>A point on the face, away from the edge, the holes and the boss.</summary>
    private static (double X, double Y) OnFace(Random random, double clearance)
    {
        while (true)
        {
            double x = Between(random, -0.8 + clearance, 0.8 - clearance), y = Between(random, -0.8 + clearance, 0.8 - clearance);
            bool free = Math.Sqrt(x * x + y * y) > PlateScene.BossRadius + clearance
                && PlateScene.Holes.All(h => Math.Sqrt(Math.Pow(x - h.X, 2) + Math.Pow(y - h.Y, 2)) > PlateScene.SpotFace + clearance);
            if (free) return (x, y);
        }
    }

    /// <summary>A groove along a gentle arc, bright on its raised lip.</summary>
    private sealed class Scratch : Defect
    {
        private readonly double _x, _y, _cos, _sin, _half, _bend, _width;

        public Scratch(Random random)
        {
            (_x, _y) = OnFace(random, 0.12);
            double angle = Between(random, 0.35, Math.PI - 0.35); // not along the brushing, where it would look like one more line
            (_cos, _sin) = (Math.Cos(angle), Math.Sin(angle));
            (_half, _bend, _width) = (Between(random, 0.18, 0.4), Between(random, -0.25, 0.25), Between(random, 0.012, 0.02));
        }

        public override SurfacePoint Apply(SurfacePoint point, double x, double y, double edge, ValueNoise noise)
        {
            double along = (x - _x) * _cos + (y - _y) * _sin, across = -(x - _x) * _sin + (y - _y) * _cos - _bend * along * along;
            double width = _width * (1 - 0.6 * Math.Pow(Math.Abs(along) / _half, 2)) * (1 + 0.3 * noise.At(along * 30, 0));
            if (edge > 0 || Math.Abs(along) > _half || Math.Abs(across) > width) return point;
            double shade = across > 0 ? 1.35 : 0.5;
            return point.Tint(shade, shade, shade) with { Defect = true };
        }
    }

    /// <summary>A round hollow, visible only by its shading.</summary>
    private sealed class Dent : Defect
    {
        private readonly double _x, _y, _radius, _depth;

        public Dent(Random random)
        {
            (_x, _y) = OnFace(random, 0.1);
            (_radius, _depth) = (Between(random, 0.08, 0.14), Between(random, 0.17, 0.24));
        }

        public override SurfacePoint Apply(SurfacePoint point, double x, double y, double edge, ValueNoise noise)
        {
            double d = Math.Sqrt(Math.Pow(x - _x, 2) + Math.Pow((y - _y) * 1.15, 2)) / _radius;
            return d >= 1 ? point : point with { Height = point.Height - _depth * Math.Pow(1 - d * d, 2), Defect = true };
        }
    }

    /// <summary>Dried coolant: a ragged, tinted film.</summary>
    private sealed class Stain : Defect
    {
        private readonly double _x, _y, _radius, _strength;

        public Stain(Random random)
        {
            (_x, _y) = OnFace(random, 0.05);
            (_radius, _strength) = (Between(random, 0.1, 0.2), Between(random, 0.25, 0.4));
        }

        public override SurfacePoint Apply(SurfacePoint point, double x, double y, double edge, ValueNoise noise)
        {
            double d = Math.Sqrt(Math.Pow(x - _x, 2) + Math.Pow(y - _y, 2)) / (_radius * (1 + 0.45 * noise.At(x * 9, y * 9)));
            if (edge > 0 || d >= 1) return point;
            double film = _strength * (0.6 + 0.4 * d);
            return point.Tint(1 - 0.55 * film, 1 - 0.8 * film, 1 - 1.5 * film) with { Defect = true };
        }
    }

    /// <summary>A missing bore: its spot face exists, without a hole.</summary>
    private sealed class NoHole(Random random) : Defect
    {
        public override int? MissingHole { get; } = random.Next(PlateScene.Holes.Length);

        public override SurfacePoint Apply(SurfacePoint point, double x, double y, double edge, ValueNoise noise)
        {
            var (hx, hy) = PlateScene.Holes[MissingHole!.Value];
            double d = Math.Sqrt(Math.Pow(x - hx, 2) + Math.Pow(y - hy, 2));
            return d < PlateScene.HoleRadius ? point with { Defect = true } : point;
        }
    }

    /// <summary>Metal beyond the outline.</summary>
    private sealed class Burr : Defect
    {
        private readonly int _side;
        private readonly double _at, _half, _reach;

        public Burr(Random random)
        {
            _side = random.Next(4);
            (_at, _half, _reach) = (Between(random, -0.6, 0.6), Between(random, 0.07, 0.13), Between(random, 0.06, 0.1));
        }

        public override SurfacePoint Apply(SurfacePoint point, double x, double y, double edge, ValueNoise noise)
        {
            var (along, outward) = _side switch { 0 => (x, -y), 1 => (y, x), 2 => (x, y), _ => (y, -x) };
            double over = outward - PlateScene.HalfSize, t = Math.Abs(along - _at) / _half;
            if (t >= 1 || over < -0.03 || over > _reach * (1 - t * t) * (0.75 + 0.35 * noise.At(along * 25, outward * 25))) return point;
            double value = 0.78 + 0.15 * noise.At(along * 60, outward * 60);
            return new SurfacePoint(0.05 * (1 - t), value, value, value * 1.03, true);
        }
    }
}
