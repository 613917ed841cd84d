namespace SpadeCluster.Cli.Planning.Simulation;

/// <summary>A limited number of permits, given in order of arrival: the slots of a gateway, or tiles in progress of an image.</summary>
internal sealed class Permits(int count)
{
    private readonly Queue<Action> _waiting = new();
    private int _free = count;

    /// <param name="granted">Runs when the permit is given.</param>
    public void Acquire(Action granted)
    {
        if (_free == 0)
        {
            _waiting.Enqueue(granted);
            return;
        }
        _free--;
        granted();
    }

    public void Release()
    {
        if (_waiting.TryDequeue(out var next)) next();
        else _free++;
    }
}
