// Follows the prediction events of an organisation on NATS by a credential that was issued to it.
//
//	go mod init follow && go get github.com/nats-io/nats.go google.golang.org/protobuf
//	VALUTAI_STREAM_URL=nats://LOGIN:SECRET@HOST:4222 go run follow_nats.go
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/url"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/encoding/protowire"
)

const batch = "application/cloudevents-batch+protobuf"

// each calls with every field of a protobuf message that has a length.
func each(data []byte, call func(number protowire.Number, value []byte)) error {
	for len(data) > 0 {
		number, kind, size := protowire.ConsumeTag(data)
		if size < 0 {
			return protowire.ParseError(size)
		}
		data = data[size:]
		if kind == protowire.BytesType {
			if value, size := protowire.ConsumeBytes(data); size >= 0 {
				call(number, value)
			}
		}
		size = protowire.ConsumeFieldValue(number, kind, data)
		if size < 0 {
			return protowire.ParseError(size)
		}
		data = data[size:]
	}
	return nil
}

func handle(message jetstream.Msg) error {
	headers := message.Headers()
	name := headers.Get("ce-type")
	if headers.Get("content-type") != batch {
		fmt.Println(name, headers.Get("ce-id"), len(message.Data()), "bytes")
		return nil
	}
	// valutai.common.v1.EventBatch: the events are field 1, of each the id is field 1 and the message field 6.
	return each(message.Data(), func(number protowire.Number, event []byte) {
		if number != 1 {
			return
		}
		var id string
		var body []byte
		if err := each(event, func(number protowire.Number, value []byte) {
			switch number {
			case 1:
				id = string(value)
			case 6:
				body = value
			}
		}); err != nil {
			log.Print(err)
		}
		fmt.Println(name, id, len(body), "bytes")
	})
}

func main() {
	address, err := url.Parse(os.Getenv("VALUTAI_STREAM_URL"))
	if err != nil || address.User == nil {
		log.Fatal("VALUTAI_STREAM_URL is not the address of a credential")
	}
	login := address.User.Username()
	connection, err := nats.Connect(address.String(), nats.CustomInboxPrefix("_INBOX_"+login), nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	stream, err := jetstream.NewWithDomain(connection, "valutai")
	if err != nil {
		log.Fatal(err)
	}
	consumer, err := stream.Consumer(context.Background(), "valutai-prediction", login)
	if err != nil {
		log.Fatal(err)
	}
	for {
		messages, err := consumer.Fetch(100, jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			log.Print(err)
			time.Sleep(time.Second)
			continue
		}
		for message := range messages.Messages() {
			if err := handle(message); err != nil {
				log.Fatal(err)
			}
			// Behind the handling: what was not acknowledged comes again.
			if err := message.Ack(); err != nil {
				log.Print(err)
			}
		}
		if err := messages.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
			log.Print(err)
		}
	}
}
