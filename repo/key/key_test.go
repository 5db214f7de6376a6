package key

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"aergo/repo/object"
)

func testKey(n byte) Private { return FromSeed([SeedSize]byte{n, 1, 2, 3}) }

var (
	testLineage = object.Sum([]byte("lineage"))
	testID      = object.Sum([]byte("record"))
)

// The standard library knows the message from this package's documentation alone.
func TestSignedMessageIsAsDocumented(t *testing.T) {
	priv := testKey(1)
	tests := map[Domain]string{
		DomainBatch:                "\x6eaergo/batch/v1",
		DomainOrder:                "\x6eaergo/order/v1",
		DomainBlock:                "\x6eaergo/block/v1",
		DomainTag:                  "\x6caergo/tag/v1",
		DomainPoolReceipt:          "\x70aergo/receipt/v1",
		"aergo/a-long-one/v1-xxxx": "\x78\x18aergo/a-long-one/v1-xxxx",
		"":                         "\x60",
	}
	for domain, head := range tests {
		message := append([]byte(head), testLineage[:]...)
		message = append(message, testID[:]...)
		sig := priv.Sign(domain, testLineage, testID)
		pub := priv.Public()
		if !ed25519.Verify(pub[:], message, sig[:]) {
			t.Errorf("domain %q: the standard library refuses the signature", domain)
		}
	}
}

func TestSignatureIsBoundToItsPurpose(t *testing.T) {
	priv, other := testKey(1), object.Sum([]byte("other"))
	sig := priv.Sign(DomainBatch, testLineage, testID)
	if err := Verify(priv.Public(), DomainBatch, testLineage, testID, sig); err != nil {
		t.Fatal(err)
	}
	flipped := sig
	flipped[40] ^= 1
	tests := map[string]error{
		"other key":     Verify(testKey(2).Public(), DomainBatch, testLineage, testID, sig),
		"other domain":  Verify(priv.Public(), DomainOrder, testLineage, testID, sig),
		"other lineage": Verify(priv.Public(), DomainBatch, other, testID, sig),
		"other record":  Verify(priv.Public(), DomainBatch, testLineage, other, sig),
		"swapped":       Verify(priv.Public(), DomainBatch, testID, testLineage, sig),
		"flipped bit":   Verify(priv.Public(), DomainBatch, testLineage, testID, flipped),
		"no signature":  Verify(priv.Public(), DomainBatch, testLineage, testID, Signature{}),
		"no key":        Verify(Public{}, DomainBatch, testLineage, testID, Signature{}),
	}
	for name, err := range tests {
		if !errors.Is(err, ErrBadSignature) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestPrivateNeverShows(t *testing.T) {
	priv := testKey(7)
	secret := hex.EncodeToString(priv.secret()[:8])
	nested := struct {
		Name string
		key  Private
		List []Private
		Ptr  *Private
	}{"x", priv, []Private{priv}, &priv}
	for _, v := range []any{priv, &priv, nested, &nested, []Private{priv}, map[string]Private{"a": priv}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%08b", "%t"} {
			out := strings.ToLower(fmt.Sprintf(verb, v))
			decimal := fmt.Sprintf("%d %d", priv.secret()[0], priv.secret()[1])
			binary := fmt.Sprintf("%08b %08b", priv.secret()[0], priv.secret()[1])
			for _, leak := range []string{secret, decimal, binary} {
				if strings.Contains(out, leak) {
					t.Errorf("%s of %T shows the secret: %s", verb, v, out)
				}
			}
		}
	}
	if out, err := json.Marshal(map[string]any{"k": priv}); !errors.Is(err, ErrPrivate) {
		t.Errorf("json gives %s, %v", out, err)
	}
	if _, err := priv.MarshalBinary(); !errors.Is(err, ErrPrivate) {
		t.Errorf("binary gives %v", err)
	}
}

func TestZeroPrivateSignsNothing(t *testing.T) {
	var zero Private
	sig := zero.Sign(DomainTag, testLineage, testID)
	if err := Verify(zero.Public(), DomainTag, testLineage, testID, sig); !errors.Is(err, ErrBadSignature) {
		t.Errorf("error is %v", err)
	}
	if !zero.IsZero() || zero.String() == "" || !zero.Public().IsZero() {
		t.Error("the zero key is not recognisable")
	}
}

func TestGenerate(t *testing.T) {
	a, err := Generate(nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Generate(nil)
	if err != nil || a.Public() == b.Public() {
		t.Fatalf("two keys are equal, or %v", err)
	}
	if _, err := Generate(bytes.NewReader(make([]byte, SeedSize-1))); err == nil {
		t.Error("a short source of random bytes is accepted")
	}
	one, _ := Generate(bytes.NewReader(make([]byte, SeedSize)))
	if one.Public() != FromSeed([SeedSize]byte{}).Public() {
		t.Error("Generate and FromSeed differ")
	}
}

// smallOrder lists every encoding of every point of small order, the ones that are not
// canonical included.
func smallOrder(t testing.TB) []Public {
	t.Helper()
	rep := func(first, middle, last string) string { return first + strings.Repeat(middle, 30) + last }
	var list []Public
	for _, s := range []string{
		rep("00", "00", "00"), rep("00", "00", "80"), rep("01", "00", "00"), rep("01", "00", "80"),
		rep("ec", "ff", "7f"), rep("ec", "ff", "ff"), rep("ed", "ff", "7f"), rep("ed", "ff", "ff"),
		rep("ee", "ff", "7f"), rep("ee", "ff", "ff"),
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, Public(b))
	}
	return list
}

func TestPublicKeys(t *testing.T) {
	good := testKey(3).Public()
	for _, p := range smallOrder(t) {
		if _, err := ParsePublic(p.String()); !errors.Is(err, ErrBadPublic) {
			t.Errorf("%s: error is %v", p, err)
		}
		if _, err := PublicFromBytes(p[:]); !errors.Is(err, ErrBadPublic) {
			t.Errorf("%s: error is %v", p, err)
		}
	}
	notOnCurve := "02" + strings.Repeat("00", 31)
	for _, s := range []string{"", "00", notOnCurve, strings.ToUpper(good.String()), good.String() + "00",
		"g" + good.String()[1:], " " + good.String()[1:]} {
		if _, err := ParsePublic(s); !errors.Is(err, ErrBadPublic) {
			t.Errorf("%q: error is %v", s, err)
		}
	}
	if _, err := PublicFromBytes(good[:31]); !errors.Is(err, ErrBadPublic) {
		t.Errorf("31 bytes: error is %v", err)
	}
	if _, err := SignatureFromBytes(make([]byte, 63)); !errors.Is(err, ErrBadSignature) {
		t.Errorf("63 bytes: error is %v", err)
	}
	text, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	var back Public
	if err := json.Unmarshal(text, &back); err != nil || back != good {
		t.Errorf("%s comes back as %s, %v", text, back, err)
	}
	if good.Short() != good.String()[:8] {
		t.Errorf("short form is %s", good.Short())
	}
}

func FuzzParsePublic(f *testing.F) {
	f.Add(testKey(1).Public().String())
	f.Add(strings.Repeat("0", 64))
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePublic(s)
		if err == nil && p.String() != s {
			t.Fatalf("%q comes back as %q", s, p)
		}
		if err != nil && !errors.Is(err, ErrBadPublic) {
			t.Fatalf("%q: %v", s, err)
		}
	})
}

// What a connection has signed must be of no use as the signature of a record.
func TestHandshakesOnly(t *testing.T) {
	priv := FromSeed([SeedSize]byte{1})
	for _, d := range []Domain{DomainBatch, DomainOrder, DomainBlock, DomainTag} {
		if _, err := priv.SignHandshake(d.appendMessage(nil, object.Hash{1}, object.Hash{2})); !errors.Is(err, ErrNoHandshake) {
			t.Errorf("%s: %v", d, err)
		}
	}
	for _, message := range []string{"", "libp2p-tls-handshake", "x libp2p-tls-handshake:"} {
		if _, err := priv.SignHandshake([]byte(message)); !errors.Is(err, ErrNoHandshake) {
			t.Errorf("%q: %v", message, err)
		}
	}
	message := []byte("libp2p-tls-handshake:" + strings.Repeat("k", 100))
	sig, err := priv.SignHandshake(message)
	public := priv.Public()
	if err != nil || !ed25519.Verify(public[:], message, sig[:]) {
		t.Errorf("handshake: %v", err)
	}
	if _, err := (Private{}).SignHandshake(message); !errors.Is(err, ErrNoHandshake) {
		t.Errorf("no key: %v", err)
	}
}
