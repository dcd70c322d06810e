namespace RuntimeGuard.Models;

/// <summary>
/// Raw event to the learned behaviours it reduced to: one slot per hash, the newer wins. Holds only what is learned and
/// breaks no rule; it is emptied when a behaviour is evicted or the generation changes.
/// </summary>
sealed class KnownCache
{
    const int Slots = 1024;

    Slot[]? _slots;

    public bool TryGet(ulong raw, out Behaviour? one, out Behaviour[]? many)
    {
        (one, many) = (null, null);
        if (_slots is null)
            return false;
        ref readonly var slot = ref _slots[raw % Slots];
        if (slot.Raw != raw)
            return false;
        (one, many) = (slot.One, slot.Many);
        return one is not null || many is not null;
    }

    public void Put(ulong raw, Behaviour? one, Behaviour[]? many)
    {
        _slots ??= new Slot[Slots];
        _slots[raw % Slots] = new Slot { Raw = raw, One = one, Many = many };
    }

    public void Clear() => _slots = null;

    struct Slot
    {
        public ulong Raw;
        public Behaviour? One;
        public Behaviour[]? Many;
    }
}
