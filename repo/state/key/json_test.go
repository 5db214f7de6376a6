package key

import (
	"encoding/json"
	"errors"
	"math/big"
	"testing"
)

func TestComponentsAsJSON(t *testing.T) {
	big1, _ := new(big.Int).SetString("-123456789012345678901234567890", 10)
	for _, test := range []struct {
		c    Component
		want string
	}{
		{Text("ada"), `"ada"`},
		{Text(""), `""`},
		{Text("<&>\u2028"), `"<&>\u2028"`},
		{Text("\xff"), `{"text":"/w=="}`},
		{Bytes(nil), `{"bytes":""}`},
		{Bytes([]byte{1, 2}), `{"bytes":"AQI="}`},
		{Int(-5), `-5`},
		{Uint(1<<64 - 1), `18446744073709551615`},
		{BigInt(big1), `-123456789012345678901234567890`},
		{Component{}, `null`},
	} {
		data, err := test.c.MarshalJSON()
		if err != nil || string(data) != test.want {
			t.Errorf("%v: %s, %v; want %s", test.c, data, err, test.want)
		}
		var back Component
		if err := json.Unmarshal(data, &back); err != nil || back != test.c {
			t.Errorf("%s: came back as %#v, %v", data, back, err)
		}
	}
	for _, bad := range []string{"", "1.5", "1e3", "true", "[]", "{}", `{"bytes":"AQI=","text":"AQI="}`, `{"bytes":1}`, `"`} {
		var c Component
		if err := c.UnmarshalJSON([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
